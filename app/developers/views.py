"""Pages for programmers: keys and examples, and the API's document with its reading room."""

import json
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.auth.queries import api_keys_of
from app.auth.scopes import scopes_for
from app.auth.service import api_keys
from app.developers.forms import KeyForm
from app.kit import htmx, once
from app.kit.access import Access, allow
from app.kit.api.document import openapi
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.kit.headers import no_store
from app.kit.requests import API

blueprint = Blueprint("developers", __name__)


@blueprint.get("/developers")
@allow(Access.PUBLIC)
def index() -> ResponseReturnValue:
    """Examples for everybody; for who is logged in their keys too."""
    return _show()


def _show(form: KeyForm | None = None, *, error: AppError | None = None) -> ResponseReturnValue:
    no_store()
    keys, shown = [], None
    if current_user.is_authenticated:
        keys = api_keys_of(current_user.id)
        shown = form or KeyForm(formdata=None)
        shown.offer(scopes_for(current_user))
    return form_page(
        "developers/index.html",
        shown,
        error,
        keys=keys,
        new_key=once.take(_about()) if form is None else None,
        base=current_app.config["PUBLIC_URL"].rstrip("/") + API,
    )


def _about() -> str:
    return f"api-key:{current_user.get_id()}"


@blueprint.post("/developers/keys")
@allow(Access.USER)
@keeps_words
def create_key() -> ResponseReturnValue:
    """Make a key; the page that follows shows it, once."""
    form = KeyForm()
    form.offer(scopes_for(current_user))
    if not form.validate_on_submit():
        return _show(form)
    try:
        _key_id, key = api_keys.create_api_key(
            user_id=current_user.id,
            name=form.name.data,
            scopes=form.scopes.data,
            expires_in_days=int(form.days.data) if form.days.data else None,
        )
    except AppError as error:
        return _show(form, error=error)
    once.keep(key, _about())
    return htmx.redirect_to(url_for("developers.index"))


@blueprint.post("/developers/keys/<uuid:key_id>/revoke")
@allow(Access.USER)
def revoke_key(key_id: UUID) -> ResponseReturnValue:
    """End a key at once."""
    api_keys.revoke_api_key(user_id=current_user.id, key_id=key_id)
    flash(_("The key has been revoked."), "success")
    return htmx.redirect_to(url_for("developers.index"))


def _document() -> str:
    """The document, made once an application: it is the same for all."""
    made: str | None = current_app.extensions.get("openapi_document")
    if made is None:
        made = json.dumps(openapi(), ensure_ascii=False)
        current_app.extensions["openapi_document"] = made
    return made


@blueprint.get(f"{API}/openapi.json")
@allow(Access.PUBLIC)
def document() -> ResponseReturnValue:
    """The OpenAPI document."""
    response = Response(_document(), content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response.make_conditional(request)


@blueprint.get("/developers/api")
@allow(Access.PUBLIC)
def reference() -> ResponseReturnValue:
    """The document to read, and to try out."""
    return htmx.page("developers/api.html")
