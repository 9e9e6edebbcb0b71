"""What caches may keep: nothing of somebody who is logged in, and no cookie beside what is public.

A guest who has a page already gets it again only if it has changed. It is made all the same, for
only so is it never out of date; what is saved is the way to the guest. What each answer has of its
own, its nonce and the mask of its token, says nothing of a change; the token below the mask does,
since it is the browser's session.
"""

import hashlib
from http import HTTPStatus

from flask import Flask, Response, request, session
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from app.kit import csrf, masks
from app.kit.headers import csp_nonce

TAG_BYTES = 12
POLICY = "Content-Security-Policy"


class Sessions(SecureCookieSessionInterface):
    """Flask's own, which prolongs the cookie with each answer, but with none that is public."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """See Flask."""
        if not response.cache_control.public:
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    """Tag guests' pages; comes right after what compresses them."""
    app.session_interface = Sessions()
    app.after_request(_tag)


def _tag(response: Response) -> Response:
    is_page = response.mimetype == "text/html" and response.status_code == HTTPStatus.OK
    if not is_page or request.method not in {"GET", "HEAD"} or "Cache-Control" in response.headers:
        return response
    response.headers["Cache-Control"] = "private, no-cache"
    # Weak: compressed or not, and with another nonce, it is the same page.
    response.set_etag(_digest(response.get_data()), weak=True)
    response.make_conditional(request)
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        # The page that the browser has goes with the policy that came with it: that one's nonce.
        del response.headers[POLICY]
    return response


def _digest(page: bytes) -> str:
    for own in (csp_nonce(), masks.given_token()):
        page = page.replace(own.encode(), b"") if own else page
    digest = hashlib.blake2b(page, digest_size=TAG_BYTES)
    digest.update(str(session.get(csrf.FIELD)).encode())
    return digest.hexdigest()
