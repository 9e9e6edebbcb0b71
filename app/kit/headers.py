"""Security headers and the Content Security Policy, with a nonce per answer."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from app.kit.access import Access, rule_of

NONCE_BYTES = 16
YEAR = 31_536_000
# https://developer.paypal.com/sdk/js/configuration/#csp : only where a payment is made
PAYPAL_HOSTS = (
    "https://*.paypal.com",
    "https://*.paypalobjects.com",
    "https://*.venmo.com",
)


def csp_nonce() -> str:
    """This answer's nonce."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(NONCE_BYTES)
    return str(g.csp_nonce)


def allow_paypal() -> None:
    """Let this answer load PayPal's buttons and open its window."""
    g.allow_paypal = True


def no_store() -> None:
    """Keep this answer out of every cache, as each is that takes a login to get."""
    g.no_store = True


def init_app(app: Flask) -> None:
    """Add the headers to every answer."""
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(_add)


def _policy() -> str:
    config = current_app.config
    paypal: tuple[str, ...] = ()
    form_paypal: tuple[str, ...] = ()
    if g.get("allow_paypal"):
        web = urlsplit(config["PAYPAL_WEB_URL"])
        origin = f"{web.scheme}://{web.netloc}"
        paypal = (
            (*PAYPAL_HOSTS, origin) if web.hostname in {"127.0.0.1", "localhost"} else PAYPAL_HOSTS
        )
        form_paypal = (origin,)
    nonce = f"'nonce-{csp_nonce()}'"
    rules = {
        "default-src": ("'self'",),
        "script-src": ("'self'", nonce, *paypal),
        "style-src": ("'self'", nonce),
        "img-src": ("'self'", "data:", "blob:", *paypal),
        "connect-src": ("'self'", config["LIVE_URL"], *paypal),
        "frame-src": paypal or ("'none'",),
        "object-src": ("'none'",),
        "base-uri": ("'none'",),
        "form-action": ("'self'", *form_paypal),
        "frame-ancestors": ("'none'",),
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())


def _add(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _policy())
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    popups = "same-origin-allow-popups" if g.get("allow_paypal") else "same-origin"
    headers["Cross-Origin-Opener-Policy"] = popups
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={YEAR}; includeSubDomains"
    private = rule_of(request.endpoint) not in {None, Access.PUBLIC, Access.SIGNED}
    if g.get("no_store") or (private and "Cache-Control" not in headers):
        headers["Cache-Control"] = "no-store"
    return response
