"""What is asked of a service: `/healthz`, `/readyz`, and whom to tell of a hole in it."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from http import HTTPStatus
from typing import cast

from flask import Blueprint, Flask, Response, current_app, jsonify

from app.health import stores
from app.kit.access import Access, allow
from app.kit.i18n import LOCALES
from app.settings import Settings

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)
_CONTACT_DAYS = 180
_KEY = "stores"


def init_app(app: Flask, settings: Settings) -> None:
    """Serve the addresses."""
    app.extensions[_KEY] = stores.Watch(settings)
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
@allow(Access.PUBLIC)
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/.well-known/security.txt")
@allow(Access.PUBLIC)
def security() -> Response:
    """Whom to tell of a hole: who sends the shop's mails (RFC 9116)."""
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=_CONTACT_DAYS)
    lines = {
        "Contact": f"mailto:{parseaddr(current_app.config['MAIL_FROM'])[1]}",
        "Expires": expires.isoformat().replace("+00:00", "Z"),
        "Preferred-Languages": ", ".join(LOCALES),
        "Canonical": f"{current_app.config['PUBLIC_URL'].rstrip('/')}/.well-known/security.txt",
    }
    body = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return Response(body, mimetype="text/plain")


@blueprint.get("/readyz")
@allow(Access.PUBLIC)
def ready() -> tuple[Response, int]:
    """Each store that the shop needs, and whether it can be reached; 503 if one can't."""
    failures = cast(stores.Watch, current_app.extensions[_KEY]).failures()
    for name, failure in failures.items():
        if failure is not None:
            log.warning("not ready", extra={"store": name, "error": type(failure).__name__})
    is_ready = not any(failures.values())
    words = {name: "unreachable" if failure else "reached" for name, failure in failures.items()}
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(status="ok" if is_ready else "unavailable", stores=words), status
