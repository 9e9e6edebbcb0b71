"""A secret that is shown once, on the page after the one that made it.

A form that makes a secret is answered with a redirect, so that a reload makes no second one. Until
then the secret waits in the session's cookie, sealed: the cookie is signed, but can be read.
"""

from flask import session

from app.kit.crypto import Sealed, vault

_KEY = "shown_once"


def keep(secret: str, about: str) -> None:
    """Have the next page about this show the secret."""
    sealed = vault().seal(secret, bound_to=about.encode())
    session[_KEY] = (about, sealed.data, sealed.key_version)


def take(about: str) -> str | None:
    """The secret that waits for this page, once."""
    kept = session.get(_KEY)
    if kept is None or kept[0] != about:
        return None
    del session[_KEY]
    return vault().open(Sealed(kept[1], kept[2]), bound_to=about.encode())
