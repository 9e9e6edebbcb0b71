"""Security headers and the Content Security Policy, with a nonce per answer."""

import secrets
from dataclasses import dataclass

from flask import Flask, Response, current_app, g, request

from app.kit.access import Access, rule_of

NONCE_BYTES = 16
YEAR = 31_536_000


@dataclass(frozen=True)
class OtherSite:
    """Another site that a page shows something of: its hosts, and where its forms may lead."""

    hosts: tuple[str, ...] = ()
    form_targets: tuple[str, ...] = ()


_NONE = OtherSite()


def csp_nonce() -> str:
    """This answer's nonce."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(NONCE_BYTES)
    return str(g.csp_nonce)


def allow_site(site: OtherSite) -> None:
    """Let this answer load scripts and frames of another site, and open its windows."""
    g.other_site = site


def no_store() -> None:
    """Keep this answer out of every cache, as each is that takes a login to get."""
    g.no_store = True


def personal() -> None:
    """Note that this answer is made for somebody: it stays in no cache that it does not ask for."""
    g.is_personal = True


def init_app(app: Flask) -> None:
    """Add the headers to every answer."""
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(_add)


def _policy() -> str:
    site: OtherSite = g.get("other_site", _NONE)
    nonce = f"'nonce-{csp_nonce()}'"
    rules = {
        "default-src": ("'self'",),
        "script-src": ("'self'", nonce, *site.hosts),
        "style-src": ("'self'", nonce),
        "img-src": ("'self'", "data:", "blob:", *site.hosts),
        "connect-src": ("'self'", current_app.config["LIVE_URL"], *site.hosts),
        "frame-src": site.hosts or ("'none'",),
        "object-src": ("'none'",),
        "base-uri": ("'none'",),
        "form-action": ("'self'", *site.form_targets),
        "frame-ancestors": ("'none'",),
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in rules.items())


def _add(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _policy())
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    popups = "same-origin-allow-popups" if "other_site" in g else "same-origin"
    headers["Cross-Origin-Opener-Policy"] = popups
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={YEAR}; includeSubDomains"
    is_own = rule_of(request.endpoint) not in {None, Access.PUBLIC, Access.SIGNED}
    private = is_own or g.get("is_personal")
    if g.get("no_store") or (private and "Cache-Control" not in headers):
        headers["Cache-Control"] = "no-store"
    return response
