"""Webhooks as a forger would send them: each breaks one thing that a shop must check."""

from app.sandbox.signing import ALGORITHM, Certificates, Identity, signed_text

CERTIFICATE_PATH = "/v1/notifications/certs/"
# kind -> what is wrong with it
FORGERIES: dict[str, str] = {
    "no_signature": "the signature's header is missing",
    "wrong_key": "signed with a key that the named certificate does not hold",
    "self_signed": "signed well, but the certificate vouches for itself",
    "other_webhook_id": "signed for another shop's webhook",
    "body_changed": "one byte changed after signing",
    "evil_host": "the certificate lies on a stranger's host",
    "evil_subdomain": "the certificate lies on a host that begins like PayPal's",
    "http_cert": "the certificate lies on PayPal's host, but without TLS",
    "replay": "true, but sent twice, byte for byte",
}
HOSTS = {
    "evil_host": "https://certificates.evil.example",
    "evil_subdomain": "https://api.sandbox.paypal.com.evil.example",
    "http_cert": "http://api.sandbox.paypal.com",
}


def headers(  # all that a signature depends on
    certificates: Certificates,
    base_url: str,
    *,
    transmission_id: str,
    time: str,
    webhook_id: str,
    body: bytes,
    forgery: str | None = None,
) -> dict[str, str]:
    """The headers of a transmission, true or forged in one way."""
    identity: Identity = certificates.signer
    host = HOSTS.get(forgery or "", base_url)
    if forgery in {"self_signed", *HOSTS}:
        identity = certificates.self_signed()
    signing = certificates.self_signed() if forgery == "wrong_key" else identity
    named = "WH-SOMEBODY-ELSE" if forgery == "other_webhook_id" else webhook_id
    sent = {
        "Content-Type": "application/json",
        "User-Agent": "PayPal/AUHD-sandbox",
        "PAYPAL-TRANSMISSION-ID": transmission_id,
        "PAYPAL-TRANSMISSION-TIME": time,
        "PAYPAL-TRANSMISSION-SIG": signing.sign(signed_text(transmission_id, time, named, body)),
        "PAYPAL-CERT-URL": f"{host}{CERTIFICATE_PATH}{identity.id}",
        "PAYPAL-AUTH-ALGO": ALGORITHM,
    }
    if forgery == "no_signature":
        del sent["PAYPAL-TRANSMISSION-SIG"]
    return sent


def sent_body(body: bytes, forgery: str | None) -> bytes:
    """What is sent of the signed bytes."""
    if forgery != "body_changed":
        return body
    # One digit of the event's id: still JSON, still an event.
    place = body.index(b"WH-") + 3
    changed = b"A" if body[place : place + 1] != b"A" else b"B"
    return body[:place] + changed + body[place + 1 :]
