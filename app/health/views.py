"""`/healthz` and `/readyz`."""

import logging
import socket
from collections.abc import Callable
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
from app.settings import Settings

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)
_SECONDS = 2


@blueprint.get("/healthz")
@allow(Access.PUBLIC)
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


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
