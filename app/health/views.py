"""What is asked of a service: `/healthz`, `/readyz`, and whom to tell of a hole in it."""

import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, jsonify
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.kit import jobs
from app.kit.access import Access, allow
from app.kit.i18n import LOCALES
from app.settings import Settings

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)
_SECONDS = 2
_CONTACT_DAYS = 180


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
    stores = {name: _reached(probe) for name, probe in _PROBES.items()}
    status = HTTPStatus.OK if all(stores.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    words = {name: "reached" if ok else "unreachable" for name, ok in stores.items()}
    return jsonify(status="ok" if status == HTTPStatus.OK else "unavailable", stores=words), status


def _reached(probe: Callable[[Settings], None]) -> bool:
    try:
        probe(current_app.extensions["settings"])
    except (SQLAlchemyError, RedisError, PyMongoError, OSError) as error:
        log.warning("not ready", extra={"error": type(error).__name__})
        return False
    return True


def _postgresql(_settings: Settings) -> None:
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _redis(_settings: Settings) -> None:
    jobs.redis().ping()


def _mongodb(settings: Settings) -> None:
    milliseconds = _SECONDS * 1000
    with MongoClient[dict[str, object]](
        settings.mongo_url, serverSelectionTimeoutMS=milliseconds, connectTimeoutMS=milliseconds
    ) as client:
        client.admin.command("ping")


def _smtp(settings: Settings) -> None:
    parts = urlsplit(settings.smtp_url)
    port = parts.port or (465 if parts.scheme == "smtps" else 25)
    socket.create_connection((parts.hostname or "127.0.0.1", port), timeout=_SECONDS).close()


_PROBES = {"postgresql": _postgresql, "redis": _redis, "mongodb": _mongodb, "smtp": _smtp}
