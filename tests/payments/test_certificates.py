"""Whose certificate makes a webhook PayPal's: production's rules, with a chain of our own."""

import base64
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from flask import Flask
from sqlalchemy import text

from app.kit.db import session
from app.payments import signatures
from app.payments.errors import BadSignature, CertificateUnavailable
from app.payments.service import certificates
from app.payments.signatures import Transmission, Verifier
from app.settings import Settings

LIVE, SANDBOX = "messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"
PATH = "/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
URL = f"https://api.paypal.com{PATH}"
BODY = b'{"id": "WH-1"}'
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Signed:
    """A certificate with its key, and those between it and a root."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    def pem(self, *, chain: bool = True) -> bytes:
        """As PayPal serves it: the signer's first, in one file."""
        parts = (self.certificate, *(self.chain if chain else ()))
        return b"".join(part.public_bytes(Encoding.PEM) for part in parts)


def issue(
    name: str, by: Signed | None = None, *, ca: bool = False, ends: timedelta = HOUR
) -> Signed:
    """A certificate as public authorities make them; from itself if from nobody."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    issuer_key = (by.key if by else key).public_key()
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * HOUR)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )
    if not ca:
        server = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        ).add_extension(x509.ExtendedKeyUsage(server), critical=False)
    made = builder.sign(by.key if by else key, SHA256())
    above = (
        (by.certificate, *by.chain)
        if by and by.certificate.issuer != by.certificate.subject
        else ()
    )
    return Signed(made, key, above)


@pytest.fixture(scope="module")
def root() -> Signed:
    return issue("A public root", ca=True)


@pytest.fixture(scope="module")
def intermediate(root: Signed) -> Signed:
    return issue("A public authority", root, ca=True)


@pytest.fixture(scope="module")
def signer(intermediate: Signed) -> Signed:
    return issue(LIVE, intermediate)


@dataclass
class Host:
    """PayPal's certificate host."""

    served: bytes | None = None
    is_away: bool = False
    asked: list[str] = field(default_factory=list)

    def download(self, url: str) -> bytes | None:
        self.asked.append(url)
        if self.is_away:
            raise CertificateUnavailable
        return self.served


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(signatures, "_download", host.download)
    return host


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The verifier's clock, in a list that a test may change."""
    moment = [1000.0]
    monkeypatch.setattr(signatures.time, "monotonic", lambda: moment[0])
    return moment


@pytest.fixture
def verifier(
    make_settings: Callable[..., Settings],
    root: Signed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Verifier:
    """As in production, on a machine that trusts our root as well as the public ones."""
    bundle = tmp_path / "roots.pem"
    bundle.write_bytes(Path(signatures.certifi.where()).read_bytes() + root.pem())
    monkeypatch.setattr(signatures.certifi, "where", lambda: str(bundle))
    monkeypatch.setattr(signatures, "_roots", signatures._roots.__wrapped__)
    return new_verifier(make_settings, {})


def new_verifier(make_settings: Callable[..., Settings], kept: dict[str, bytes]) -> Verifier:
    """One of a process that has just begun, with what is kept from those before."""
    settings = make_settings(app_env="production", paypal_webhook_id="WH-OURS")
    return Verifier(settings, kept=kept.get, keep=kept.__setitem__)


def sent(by: Signed, url: str = URL) -> Transmission:
    """What PayPal's headers say of BODY."""
    text = f"T-1|2026-11-25T08:00:00Z|WH-OURS|{zlib.crc32(BODY)}"
    signature = by.key.sign(text.encode(), padding.PKCS1v15(), SHA256())
    return Transmission(
        "T-1",
        "2026-11-25T08:00:00Z",
        base64.b64encode(signature).decode(),
        url,
        signatures.ALGORITHM,
    )


class TestChain:
    @pytest.mark.parametrize(
        ("name", "name_of"),
        [
            ("api.paypal.com", LIVE),
            ("api-m.paypal.com", LIVE),
            ("api.sandbox.paypal.com", SANDBOX),
            ("api-m.sandbox.paypal.com", SANDBOX),
        ],
    )
    def test_signer_below_a_trusted_root_is_believed(
        self, verifier: Verifier, host: Host, intermediate: Signed, name: str, name_of: str
    ) -> None:
        signer = issue(name_of, intermediate)
        host.served = signer.pem()
        verifier.verify(sent(signer, f"https://{name}{PATH}"), BODY)

    def test_chain_with_a_hole_is_refused(
        self, verifier: Verifier, host: Host, signer: Signed
    ) -> None:
        host.served = signer.pem(chain=False)
        with pytest.raises(BadSignature):
            verifier.verify(sent(signer), BODY)

    @pytest.mark.parametrize("flaw", ["name", "expired", "own root", "self-signed", "no signer"])
    def test_flawed_signer_is_refused(
        self, verifier: Verifier, host: Host, intermediate: Signed, flaw: str
    ) -> None:
        flawed = {
            "name": lambda: issue("www.paypal.com", intermediate),
            "expired": lambda: issue(LIVE, intermediate, ends=-HOUR),
            "own root": lambda: issue(LIVE, issue("Nobody's root", ca=True)),
            "self-signed": lambda: issue(LIVE),
            "no signer": lambda: intermediate,
        }[flaw]()
        host.served = flawed.pem()
        with pytest.raises(BadSignature):
            verifier.verify(sent(flawed), BODY)

    @pytest.mark.parametrize(
        "served",
        [None, b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"],
    )
    def test_what_is_no_certificate_is_refused(
        self, verifier: Verifier, host: Host, signer: Signed, served: bytes | None
    ) -> None:
        host.served = served
        with pytest.raises(BadSignature):
            verifier.verify(sent(signer), BODY)


@pytest.mark.parametrize(
    "url",
    [
        f"http://api.paypal.com{PATH}",
        f"https://api.paypal.com:444{PATH}",
        f"https://api.paypal.com:x{PATH}",
        f"https://user@api.paypal.com{PATH}",
        f"https://evil.example\\@api.paypal.com{PATH}",
        f"https://api.paypal.com.evil.example{PATH}",
        f"https://evil.example{PATH}",
        f"https://evilapi.paypal.com{PATH}",
        f"https://www.paypal.com{PATH}",
        f"https://api.paypal.com{PATH}?x=1",
        f"https://api.paypal.com{PATH}#x",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/../../x",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e/%2e%2e/x",
        "https://api.paypal.com/v1/notifications/certs/x/y",
        "https://api.paypal.com/v1/notifications/certs/\\..\\x",
        "https://api.paypal.com/uploads/CERT-1",
        "https://[",
        "",
    ],
)
def test_nothing_is_fetched_from_elsewhere(
    verifier: Verifier, host: Host, signer: Signed, url: str
) -> None:
    host.served = signer.pem()
    with pytest.raises(BadSignature):
        verifier.verify(sent(signer, url), BODY)
    assert host.asked == []


class TestMemory:
    def test_signer_is_fetched_once_an_hour(
        self, verifier: Verifier, host: Host, signer: Signed, now: list[float]
    ) -> None:
        host.served = signer.pem()
        for seconds in (0, 1800, 1801):
            now[0] += seconds
            verifier.verify(sent(signer), BODY)
        assert len(host.asked) == 2

    def test_refused_one_is_not_fetched_again_at_once(
        self, verifier: Verifier, host: Host, signer: Signed, now: list[float]
    ) -> None:
        for seconds in (0, 29, 2):
            now[0] += seconds
            with pytest.raises(BadSignature):
                verifier.verify(sent(signer), BODY)
        assert len(host.asked) == 2

    def test_host_that_was_away_is_asked_again(
        self, verifier: Verifier, host: Host, signer: Signed
    ) -> None:
        host.is_away = True
        with pytest.raises(CertificateUnavailable):
            verifier.verify(sent(signer), BODY)
        host.is_away, host.served = False, signer.pem()
        verifier.verify(sent(signer), BODY)

    def test_flood_of_invented_addresses_neither_asks_on_and_on_nor_displaces_the_true_one(
        self, verifier: Verifier, host: Host, signer: Signed, now: list[float]
    ) -> None:
        host.served = signer.pem()
        verifier.verify(sent(signer), BODY)
        host.asked.clear()
        host.served = None
        for number in range(200):
            with pytest.raises((BadSignature, CertificateUnavailable)):
                verifier.verify(sent(signer, f"{URL}{number}"), BODY)
        assert len(host.asked) <= 10
        verifier.verify(sent(signer), BODY)
        # Its hour is over while the flood goes on.
        now[0] += 3601
        host.served = signer.pem()
        for number in range(20):
            with pytest.raises((BadSignature, CertificateUnavailable)):
                verifier.verify(sent(issue_nothing(signer), f"{URL}-{number}"), BODY)
        verifier.verify(sent(signer), BODY)


class TestBeginning:
    """A process that has just begun knows only what is kept."""

    def test_what_was_trusted_before_is_not_asked_for_again(
        self, verifier: Verifier, make_settings, host: Host, signer: Signed
    ) -> None:
        kept: dict[str, bytes] = {}
        host.served = signer.pem()
        new_verifier(make_settings, kept).verify(sent(signer), BODY)
        host.asked.clear()
        new_verifier(make_settings, kept).verify(sent(signer), BODY)
        assert host.asked == []

    def test_flood_before_the_first_true_one_does_not_keep_it_out(
        self, verifier: Verifier, make_settings, host: Host, signer: Signed, now: list[float]
    ) -> None:
        kept = {URL: signer.pem()}
        begun = new_verifier(make_settings, kept)
        for number in range(60):
            with pytest.raises((BadSignature, CertificateUnavailable)):
                begun.verify(sent(signer, f"{URL}{number}"), BODY)
        begun.verify(sent(signer), BODY)
        assert kept.keys() == {URL}

    @pytest.mark.parametrize("flaw", ["expired", "self-signed"])
    def test_what_is_kept_is_looked_at_like_what_is_fetched(
        self, verifier: Verifier, make_settings, host: Host, intermediate: Signed, flaw: str
    ) -> None:
        flawed = issue(LIVE, intermediate, ends=-HOUR) if flaw == "expired" else issue(LIVE)
        with pytest.raises(BadSignature):
            new_verifier(make_settings, {URL: flawed.pem()}).verify(sent(flawed), BODY)

    def test_of_many_who_wait_for_one_certificate_one_asks(
        self, verifier: Verifier, host: Host, signer: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host.served = signer.pem()
        everybody = threading.Barrier(8)

        def slowly(url: str) -> bytes | None:
            time.sleep(0.2)
            return host.download(url)

        def verify(_: int) -> None:
            everybody.wait(10)
            verifier.verify(sent(signer), BODY)

        monkeypatch.setattr(signatures, "_download", slowly)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(verify, range(8)))
        assert len(host.asked) == 1


def test_chains_are_kept_for_a_day(app: Flask) -> None:
    certificates.keep(URL, b"old")
    certificates.keep(URL, b"chain")
    assert certificates.kept(URL) == b"chain"
    session().execute(
        text("UPDATE signer_certificate SET fetched_at = fetched_at - interval '25 hours'")
    )
    session().commit()
    assert certificates.kept(URL) is None
    certificates.keep(f"{URL}2", b"other")
    assert session().scalar(text("SELECT count(*) FROM signer_certificate")) == 1


def issue_nothing(signer: Signed) -> Signed:
    """Who has PayPal's certificate but not its key."""
    return Signed(signer.certificate, rsa.generate_private_key(65537, 2048))
