"""What programs ask of any site: whether it is well, whom to tell of a hole, what to crawl."""

import hmac
import logging
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from http import HTTPStatus
from typing import cast

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request
from flask_babel import force_locale

from app.health import metrics, parts, stores
from app.health.parts import State
from app.kit import i18n
from app.kit.access import Access, allow
from app.kit.headers import no_store
from app.kit.i18n import LOCALES
from app.kit.requests import public
from app.settings import Settings

log = logging.getLogger(__name__)
blueprint = Blueprint("health", __name__)
_CONTACT_DAYS = 180
# What is somebody's own, and what only costs: each purchase, login and search has its own address.
_NOT_FOR_CRAWLERS = (
    "/order/",
    "/auth/",
    "/notifications",
    "/live/",
    "/api/",
    "/metrics",
    "/products/mine",
    "/products/new",
    "/*?",
)
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


@blueprint.get("/metrics")
@allow(Access.PUBLIC)
def metrics_for_monitoring() -> Response:
    """How the shop does, in numbers, for who has METRICS_TOKEN; not there for anybody else."""
    settings = cast(Settings, current_app.extensions["settings"])
    token = settings.metrics_token
    given = request.authorization
    sent = given.token if given is not None and given.type == "bearer" else None
    if token is None or sent is None:
        abort(HTTPStatus.NOT_FOUND)
    if not hmac.compare_digest(sent.encode(), token.get_secret_value().encode()):
        abort(HTTPStatus.NOT_FOUND)
    no_store()
    body, content_type = metrics.text(request.headers.get("Accept", ""))
    return Response(body, content_type=content_type)


@blueprint.get("/.well-known/security.txt")
@allow(Access.PUBLIC)
def security() -> Response:
    """Whom to tell of a hole: who sends the shop's mails (RFC 9116)."""
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=_CONTACT_DAYS)
    lines = {
        "Contact": f"mailto:{parseaddr(current_app.config['MAIL_FROM'])[1]}",
        "Expires": expires.isoformat().replace("+00:00", "Z"),
        "Preferred-Languages": ", ".join(LOCALES),
        "Canonical": public("/.well-known/security.txt"),
    }
    body = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return Response(body, mimetype="text/plain")


@blueprint.get("/robots.txt")
@allow(Access.PUBLIC)
def robots() -> Response:
    """What crawlers may ask for, and where the sitemap is (RFC 9309)."""
    lines = [
        "User-agent: *",
        *(f"Disallow: {path}" for path in _NOT_FOR_CRAWLERS),
        f"Sitemap: {public('/sitemap.xml')}",
    ]
    return Response("".join(f"{line}\n" for line in lines), mimetype="text/plain")


@blueprint.get("/favicon.ico")
@allow(Access.PUBLIC)
def favicon() -> Response:
    """The shop's sign, for whoever asks at the old address without reading the page."""
    return current_app.send_static_file("icons/favicon.svg")


@blueprint.get("/readyz")
@allow(Access.PUBLIC)
def ready() -> tuple[Response, int]:
    """Each store, and whether it can be reached; 503 if one can't without which nothing is sold.

    The shop sells on without the others: it is `degraded` then, which is no reason to take it away.
    """
    failures = _failures()
    for name, failure in failures.items():
        if failure is not None:
            log.warning("not ready", extra={"store": name, "error": type(failure).__name__})
    missed = {name for name, failure in failures.items() if failure is not None}
    word = "unavailable" if missed & stores.ESSENTIAL else "degraded" if missed else "ok"
    words = {name: "unreachable" if failure else "reached" for name, failure in failures.items()}
    status = HTTPStatus.SERVICE_UNAVAILABLE if word == "unavailable" else HTTPStatus.OK
    return jsonify(status=word, stores=words), status


@blueprint.get("/status")
@allow(Access.PUBLIC)
def status() -> Response:
    """Each part of the shop, and whether it works, for people; needs no store itself."""
    no_store()
    missed = {name for name, failure in _failures().items() if failure is not None}
    states = parts.states(missed)
    with force_locale(i18n.of_browser()):  # who it is may not be there to be looked up
        # Without what the application adds to every page: it may need what is broken.
        template = current_app.jinja_env.get_template("health/status.html")
        shown = template.render(
            locale=i18n.locale(), states=states, is_well=set(states.values()) == {State.WORKS}
        )
    return Response(shown, mimetype="text/html")


def _failures() -> dict[str, Exception | None]:
    return cast(stores.Watch, current_app.extensions[_KEY]).failures()
