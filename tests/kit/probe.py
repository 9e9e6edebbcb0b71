"""Routes and templates for the tests of the kit."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from flask import Blueprint, Request, request
from flask.typing import ResponseReturnValue
from flask_login import LoginManager
from sqlalchemy import text

from app.kit import headers, htmx, ratelimit
from app.kit.access import Access, allow
from app.kit.db import session
from app.kit.errors import AppError, Invalid, Kind

TEMPLATES = {
    "probe/page.html": (
        '{% extends "layouts/base.html" %}'
        '{% block content %}<h1>Whole</h1>{% block part %}<p id="part">{{ word }}</p>{% endblock %}'
        '{% block other %}<b id="other">{{ word }}</b>{% endblock %}{% endblock %}'
    ),
    "email/probe/subject.txt": "{{ amount | money('EUR') }} for {{ name }}\n",
    "email/probe/body.txt": "Dear {{ name }}, {{ amount | money('EUR') }}.\n",
    "email/probe/body.html": "<p>Dear {{ name }}</p>",
}

blueprint = Blueprint("probe", __name__, url_prefix="/probe")
SITE = headers.OtherSite(
    hosts=("https://*.other.example",), form_targets=("https://pay.other.example",)
)


@dataclass
class Person:
    """Somebody as flask-login needs them."""

    role_names: frozenset[str]
    id: UUID = field(default_factory=uuid4)
    locale: str = "en"
    display_name: str = "Probe"
    email: str = "probe@example.com"
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """The id."""
        return str(self.id)


def people() -> LoginManager:
    """A login manager that believes a header: these tests know no domain."""
    manager = LoginManager()

    @manager.request_loader
    def load(asked: Request) -> Person | None:
        roles = asked.headers.get("X-Roles")
        return Person(frozenset({"buyer", *roles.split(",")})) if roles else None

    @manager.user_loader
    def from_session(_ident: str) -> None:
        return None

    return manager


def _rule(rule: Access) -> None:
    @allow(rule)
    def view() -> str:
        return f"in as {rule}"

    blueprint.add_url_rule(f"/{rule}", f"rule_{rule}", view)


for _access in Access:
    _rule(_access)


@blueprint.get("/unstated")
def unstated() -> str:
    """A route that states no rule."""
    return "should not be seen"


@blueprint.route("/refuse/<kind>", methods=["GET", "POST"])
@allow(Access.PUBLIC)
def refuse(kind: str) -> ResponseReturnValue:
    """Be refused in this way."""
    error = AppError("probe.refused", "Because <so>.", errors={"field": "Wrong."}, retry_after=7)
    error.kind = Kind(kind)
    raise error


@blueprint.route("/bug", methods=["GET", "POST"])
@allow(Access.PUBLIC)
def bug() -> ResponseReturnValue:
    """Fail as nobody meant to."""
    raise RuntimeError("hunter2 leaked")


@blueprint.get("/number")
@allow(Access.PUBLIC)
def number() -> ResponseReturnValue:
    """Have the database read a number."""
    value = session().execute(
        text("SELECT CAST(CAST(:value AS text) AS int)"), {"value": request.args["value"]}
    )
    return str(value.scalar_one())


@blueprint.get("/broken-query")
@allow(Access.PUBLIC)
def broken_query() -> ResponseReturnValue:
    """Send a statement that is wrong in itself."""
    session().execute(text("SELECT * FROM no_such_table"))
    return ""


@blueprint.get("/page")
@allow(Access.PUBLIC)
def page() -> ResponseReturnValue:
    """A page whose parts can be had alone."""
    parts = tuple(request.args.get("parts", "part").split(","))
    return htmx.page(
        "probe/page.html", fragment=parts if len(parts) > 1 else parts[0], word="Hello"
    )


@blueprint.get("/pay")
@allow(Access.PUBLIC)
def pay() -> ResponseReturnValue:
    """A page that shows something of another site."""
    headers.allow_site(SITE)
    headers.no_store()
    return htmx.page("probe/page.html", word="Pay")


@blueprint.route("/away", methods=["GET", "POST"])
@allow(Access.PUBLIC)
def away() -> ResponseReturnValue:
    """Go somewhere else."""
    return htmx.redirect_to("/probe/page")


@blueprint.get("/limited")
@allow(Access.PUBLIC)
def limited() -> ResponseReturnValue:
    """May be called twice a minute."""
    ratelimit.spend("2/minute", "probe")
    return "ok"


@blueprint.post("/form")
@allow(Access.PUBLIC)
def form() -> ResponseReturnValue:
    """Take a field."""
    if "\N{NULL}" in request.form.get("word", ""):
        raise Invalid("probe.nul", "No.")
    return request.form["word"]
