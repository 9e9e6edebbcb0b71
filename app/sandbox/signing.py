"""The sandbox's certificates: a root of its own, and the one that signs webhooks.

They are made at the first start and kept in the data directory. `ca.pem` is what a shop must trust
to believe the sandbox's webhooks; PayPal's real ones are not signed by it.
"""

import base64
import os
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SUBJECT = "messageverificationcerts.sandbox.paypal.com"
ROOT = "Root of the sandbox's test webhooks"
ALGORITHM = "SHA256withRSA"
KEY_BITS = 2048
ROOT_DAYS, LEAF_DAYS, RENEW_DAYS = 3650, 365, 14


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def id(self) -> str:
        """What it is called at /v1/notifications/certs/…"""
        return f"CERT-{self.certificate.serial_number:x}"

    @property
    def pem(self) -> bytes:
        """The certificate as served."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, text: str) -> str:
        """A base64 signature, RSA with PKCS #1 v1.5 and SHA-256."""
        raw = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(raw).decode()


def signed_text(transmission_id: str, time: str, webhook_id: str, body: bytes) -> str:
    """What PayPal signs: the checksum is the decimal CRC-32 of the raw bytes.

    https://developer.paypal.com/api/rest/webhooks/rest/#link-messagesignature
    """
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}"


class Certificates:
    """The root, the signer, and a stranger whose signatures nobody should believe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.root = self._load("ca") or self._make_root()
        signer = self._load("webhooks")
        if signer is None or _runs_out(signer):
            signer = self._make_signer()
        self.signer = signer
        self._served: dict[str, Identity] = {self.signer.id: self.signer}
        self._stranger: Identity | None = None

    def served(self, certificate_id: str) -> Identity | None:
        """The certificate at /v1/notifications/certs/…, None if there is none of this id."""
        return self._served.get(certificate_id)

    def self_signed(self) -> Identity:
        """A certificate of the right name that no root vouches for; made when first asked for."""
        if self._stranger is None:
            key = _new_key()
            certificate = _issue(SUBJECT, SUBJECT, key, key, LEAF_DAYS, ca=False)
            self._stranger = Identity(certificate, key)
            self._served[self._stranger.id] = self._stranger
        return self._stranger

    def _make_root(self) -> Identity:
        key = _new_key()
        return self._keep("ca", Identity(_issue(ROOT, ROOT, key, key, ROOT_DAYS, ca=True), key))

    def _make_signer(self) -> Identity:
        key = _new_key()
        certificate = _issue(SUBJECT, ROOT, key, self.root.key, LEAF_DAYS, ca=False)
        return self._keep("webhooks", Identity(certificate, key))

    def _load(self, name: str) -> Identity | None:
        """What an earlier start made; None if there is nothing."""
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        if not (certificate.exists() and key.exists()):
            return None
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError(f"{key} holds no RSA key")
        return Identity(loaded, private)

    def _keep(self, name: str, identity: Identity) -> Identity:
        key = identity.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(self._directory / f"{name}.key", key, 0o600)
        _write(self._directory / f"{name}.pem", identity.pem, 0o644)
        return identity


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put a file in its place whole: a stop in between leaves the old one or none."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _runs_out(identity: Identity) -> bool:
    left = identity.certificate.not_valid_after_utc - datetime.now(UTC)
    return left < timedelta(days=RENEW_DAYS)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _issue(  # what a certificate consists of
    subject: str,
    issuer: str,
    key: rsa.RSAPrivateKey,
    issuer_key: rsa.RSAPrivateKey,
    days: int,
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                key_cert_sign=ca,
                crl_sign=ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
