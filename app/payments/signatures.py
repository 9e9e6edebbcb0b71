"""Whether a webhook is PayPal's: its certificate, and the signature over the raw bytes.

https://developer.paypal.com/api/rest/webhooks/rest/#link-messagesignature
"""

import base64
import binascii
import logging
import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import certifi
import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from app.kit.db import assert_no_transaction
from app.payments.errors import BadSignature, CertificateUnavailable
from app.settings import Settings

log = logging.getLogger(__name__)

CERTIFICATE_HOSTS = {
    "api.paypal.com": "messageverificationcerts.paypal.com",
    "api-m.paypal.com": "messageverificationcerts.paypal.com",
    "api.sandbox.paypal.com": "messageverificationcerts.sandbox.paypal.com",
    "api-m.sandbox.paypal.com": "messageverificationcerts.sandbox.paypal.com",
}
# A name and no more: whatever could lead elsewhere on that host is no certificate's address.
CERTIFICATE_PATH = re.compile(r"/v1/notifications/certs/[A-Za-z0-9_-]+")
PEM_CERTIFICATE = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
ALGORITHM = "SHA256withRSA"
MAX_CERTIFICATE_BYTES = 64 * 1024
SECONDS = 5
CACHE_SECONDS = 3600
REFUSED_CACHE_SECONDS = 30
MAX_LOOKUPS = 10  # in so many seconds, of certificates not known yet; as many of known ones
LOOKUPS_SECONDS = 30


@dataclass(frozen=True)
class Transmission:
    """The headers of a webhook that its signature depends on."""

    id: str
    time: str
    signature: str
    certificate_url: str
    algorithm: str

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> "Transmission":
        """Take them from a request's headers; BadSignature if one is missing."""
        try:
            return cls(
                headers["PAYPAL-TRANSMISSION-ID"],
                headers["PAYPAL-TRANSMISSION-TIME"],
                headers["PAYPAL-TRANSMISSION-SIG"],
                headers["PAYPAL-CERT-URL"],
                headers["PAYPAL-AUTH-ALGO"],
            )
        except KeyError as error:
            raise BadSignature("missing header") from error


class Verifier:
    """Tells PayPal's webhooks from forged ones; remembers the certificates it has seen.

    `kept` and `keep` are where trusted chains outlive the process: whoever floods a shop that has
    just started with invented names can't use up the lookups that the true one needs.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        kept: Callable[[str], bytes | None],
        keep: Callable[[str, bytes], None],
    ) -> None:
        self._kept, self._keep = kept, keep
        # Of those who wait for one certificate, one asks.
        self._asking: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._webhook_id = settings.paypal_webhook_id
        self._own_sandbox = settings.paypal_ca_file is not None
        self._base = urlsplit(settings.paypal_base_url)
        self._ca_file = settings.paypal_ca_file
        self._keys: dict[str, tuple[float, rsa.RSAPublicKey]] = {}
        self._refused: dict[str, float] = {}
        self._lookups: dict[bool, deque[float]] = {
            known: deque(maxlen=MAX_LOOKUPS) for known in (True, False)
        }

    def verify(self, transmission: Transmission, body: bytes) -> None:
        """Return if PayPal signed these bytes for our webhook.

        Raises BadSignature if not, CertificateUnavailable if the certificate can't be had now.
        """
        if transmission.algorithm != ALGORITHM:
            raise BadSignature("algorithm")
        subject = self._subject(transmission.certificate_url)
        key = self._key(transmission.certificate_url, subject)
        signed = "|".join(
            (transmission.id, transmission.time, self._webhook_id, str(zlib.crc32(body)))
        )
        try:
            signature = base64.b64decode(transmission.signature, validate=True)
            key.verify(signature, signed.encode(), padding.PKCS1v15(), SHA256())
        except (binascii.Error, ValueError, InvalidSignature) as error:
            raise BadSignature("signature") from error

    def _subject(self, url: str) -> str:
        """The name the certificate at this address must carry; BadSignature for a foreign one."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadSignature("certificate address") from error
        plain = not (parts.username or parts.password or parts.query or parts.fragment)
        if not plain or not CERTIFICATE_PATH.fullmatch(parts.path):
            raise BadSignature("certificate address")
        if self._own_sandbox:
            ours = (self._base.scheme, self._base.hostname, self._base.port)
            if (parts.scheme, parts.hostname, port) == ours:
                return CERTIFICATE_HOSTS["api.sandbox.paypal.com"]
        elif parts.scheme == "https" and port is None and parts.hostname in CERTIFICATE_HOSTS:
            return CERTIFICATE_HOSTS[parts.hostname]
        raise BadSignature("certificate address")

    def _key(self, url: str, subject: str) -> rsa.RSAPublicKey:
        key = self._remembered(url)
        if key is None:
            with self._asking.setdefault(url, threading.Lock()):
                key = self._remembered(url) or self._looked_up(url, subject)
        return key

    def _remembered(self, url: str) -> rsa.RSAPublicKey | None:
        """The key while its hour lasts; BadSignature for what was refused a moment ago."""
        now = time.monotonic()
        expires, key = self._keys.get(url, (0.0, None))
        if key is not None and now < expires:
            return key
        if now < self._refused.get(url, 0.0):
            raise BadSignature("certificate")
        return None

    def _looked_up(self, url: str, subject: str) -> rsa.RSAPublicKey:
        """The key from what is kept, else from PayPal."""
        now = time.monotonic()
        is_known = url in self._keys
        chain = None if is_known else self._kept(url)
        key = self._trusted(chain, subject)
        if key is None:
            self._spend_lookup(now, known=is_known)
            chain = _download(url)
            key = self._trusted(chain, subject)
            if chain is None or key is None:
                self._refused = {name: end for name, end in self._refused.items() if end > now}
                self._refused[url] = now + REFUSED_CACHE_SECONDS
                raise BadSignature("certificate")
            self._keep(url, chain)
        self._keys[url] = (now + CACHE_SECONDS, key)
        return key

    def _spend_lookup(self, now: float, *, known: bool) -> None:
        """Have a flood of invented addresses neither hold up all threads nor displace true ones."""
        lookups = self._lookups[known]
        if len(lookups) == MAX_LOOKUPS and now < lookups[0] + LOOKUPS_SECONDS:
            raise CertificateUnavailable
        lookups.append(now)

    def _trusted(self, chain: bytes | None, subject: str) -> rsa.RSAPublicKey | None:
        """The key of the certificate before its chain; None if it is not one of PayPal's."""
        if chain is None:
            return None
        try:
            certificates = x509.load_pem_x509_certificates(chain)
            verifier = (
                PolicyBuilder()
                .store(Store(_roots(self._ca_file)))
                .build_server_verifier(x509.DNSName(subject))
            )
            verifier.verify(certificates[0], certificates[1:])
        except (ValueError, IndexError, VerificationError) as error:
            log.warning("webhook certificate refused", extra={"error": str(error)})
            return None
        key = certificates[0].public_key()
        return key if isinstance(key, rsa.RSAPublicKey) else None


@cache
def _roots(ca_file: Path | None) -> list[x509.Certificate]:
    """Whom to trust; but for those that can't be read, which must not keep out all others."""
    path = ca_file or Path(certifi.where())
    roots = []
    for pem in PEM_CERTIFICATE.findall(path.read_bytes()):
        try:
            roots.append(x509.load_pem_x509_certificate(pem))
        except (ValueError, CryptographyDeprecationWarning) as error:
            log.info("root certificate left out", extra={"error": str(error)})
    return roots


def _download(url: str) -> bytes | None:
    """What stands at the address; None if it is no certificate, an error if it can't be had."""
    assert_no_transaction()
    try:
        with requests.get(url, timeout=SECONDS, allow_redirects=False, stream=True) as answer:
            if answer.status_code >= requests.codes.server_error:
                raise CertificateUnavailable
            if answer.status_code != requests.codes.ok:
                return None
            body = b""
            for chunk in answer.iter_content(8192):
                body += chunk
                if len(body) > MAX_CERTIFICATE_BYTES:
                    return None
            return body
    except requests.RequestException as error:
        raise CertificateUnavailable from error
