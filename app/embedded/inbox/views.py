"""The inbox page and its JSON."""

from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel, format_datetime, get_locale

from app.embedded.inbox import mails
from app.kit import assets

ROOT = Path(__file__).resolve().parents[3]
LANGUAGES = ("en", "ru")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# A mail is a stranger's page: no scripts, no forms, no requests but for pictures it carries itself.
# Its links open in a window of their own.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; base-uri 'self'; frame-ancestors 'self'"
)
LINKS_OPEN_OUTSIDE = '<!doctype html><base target="_blank">'

inbox = Blueprint("inbox", __name__)


def create_app(directory: Path) -> Flask:
    """The inbox of the mails in this directory."""
    app = Flask(
        __name__,
        static_folder=str(ROOT / "static"),
        template_folder=str(ROOT / "templates"),
    )
    app.config.update(
        MAILS=directory,
        # A page of the internet that points its name at this machine must not read the mails.
        TRUSTED_HOSTS=["127.0.0.1", "localhost"],
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "app" / "translations"),
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=_language)
    app.jinja_env.filters["here"] = _by_this_machine
    assets.init_app(app)
    app.register_blueprint(inbox)
    app.context_processor(lambda: {"locale": str(get_locale())})
    app.after_request(_protect)
    return app


@inbox.get("/")
def listing() -> str:
    """Every mail."""
    return render_template("inbox/list.html", mails=mails.all_mails(_directory()))


@inbox.get("/messages/<mail_id>")
def message(mail_id: str) -> str:
    """One mail."""
    return render_template("inbox/message.html", mail=_mail(mail_id))


@inbox.get("/messages/<mail_id>/html")
def message_html(mail_id: str) -> Response:
    """The HTML part, closed in a sandbox even where it is opened by itself."""
    response = Response(LINKS_OPEN_OUTSIDE + _mail(mail_id).html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@inbox.get("/messages/<mail_id>/source")
def message_source(mail_id: str) -> Response:
    """The mail as it came."""
    source = mails.source(_directory(), mail_id)
    if source is None:
        abort(404)
    return Response(source, mimetype="text/plain")


@inbox.post("/clear")
def clear() -> ResponseReturnValue:
    """Throw every mail away."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        abort(403)
    mails.remove_all(_directory())
    return redirect("/", 303)


@inbox.get("/api/messages")
def api_messages() -> dict[str, Any]:
    """Every mail in JSON, the newest first; `?to=` keeps those to one address."""
    recipient = request.args.get("to", "").casefold()
    return {
        "messages": [
            {
                "id": mail.id,
                "from": mail.sender,
                "to": list(mail.recipients),
                "subject": mail.subject,
                "received_at": mail.received_at.isoformat(),
                "text": mail.text,
                "html": mail.html,
            }
            for mail in mails.all_mails(_directory())
            if not recipient or recipient in map(str.casefold, mail.recipients)
        ]
    }


@inbox.delete("/api/messages")
def api_clear() -> ResponseReturnValue:
    """Throw every mail away."""
    mails.remove_all(_directory())
    return "", 204


@inbox.get("/healthz")
def healthz() -> dict[str, str]:
    """Alive."""
    return {"status": "ok"}


def _directory() -> Path:
    directory: Path = current_app.config["MAILS"]
    return directory


def _mail(mail_id: str) -> mails.Mail:
    mail = mails.find(_directory(), mail_id)
    if mail is None:
        abort(404)
    return mail


def _language() -> str:
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def _by_this_machine(moment: datetime) -> str:
    """A moment by the clock of the machine that all of this runs on."""
    return str(format_datetime(moment.astimezone(), rebase=False))


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Accept-Language"
    return response
