"""Pages of webhooks, part of what is there for developers."""

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, lists, ratelimit
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError, NotFound
from app.kit.forms import form_page
from app.webhooks import queries
from app.webhooks.forms import EndpointForm
from app.webhooks.labels import FAILURES
from app.webhooks.models import MessageState, OffReason, WebhookEndpoint
from app.webhooks.service import endpoints, messages

blueprint = Blueprint("webhooks", __name__, url_prefix="/developers/webhooks")
NEW_SECRET_OF = "new_webhook_secret_of"  # noqa: S105  # a name


@blueprint.get("")
@allow(Access.SELLER)
def index() -> ResponseReturnValue:
    """List the seller's webhooks."""
    return _list(EndpointForm(formdata=None))


def _list(form: EndpointForm, error: AppError | None = None) -> ResponseReturnValue:
    endpoints = queries.endpoints_of(current_user.id)
    return form_page("webhooks/index.html", form, error, endpoints=endpoints)


@blueprint.post("")
@allow(Access.SELLER)
@keeps_words
def create() -> ResponseReturnValue:
    """Create a webhook; the page it leads to shows its secret, once."""
    form = EndpointForm()
    if not form.validate_on_submit():
        return _list(form)
    try:
        endpoint_id, _secret = endpoints.create(
            owner_id=current_user.id, url=form.url.data.strip(), events=form.events.data
        )
    except AppError as error:
        return _list(form, error)
    return _to_new_secret(endpoint_id)


def _to_new_secret(endpoint_id: UUID) -> ResponseReturnValue:
    # The cookie says whose secret is still to be shown, never the secret itself.
    session[NEW_SECRET_OF] = str(endpoint_id)
    return _back(endpoint_id)


@blueprint.get("/<uuid:endpoint_id>")
@allow(Access.SELLER)
def endpoint(endpoint_id: UUID) -> ResponseReturnValue:
    """One webhook, with every message and every try."""
    secret = None
    if session.get(NEW_SECRET_OF) == str(endpoint_id):
        secret = endpoints.secret_of(queries.endpoint_of(current_user.id, endpoint_id))
        del session[NEW_SECRET_OF]
    return _show(endpoint_id, secret=secret)


def _show(
    endpoint_id: UUID,
    *,
    form: EndpointForm | None = None,
    error: AppError | None = None,
    secret: str | None = None,
) -> ResponseReturnValue:
    found = queries.endpoint_of(current_user.id, endpoint_id)
    asked = lists.asked()
    page = queries.messages_of(endpoint_id, after=asked.after, size=asked.size())
    return form_page(
        "webhooks/endpoint.html",
        form or _filled(found),
        error,
        fragment="items" if asked.after else "messages",
        endpoint=found,
        secret=secret,
        messages=[(one, _readable(one.payload)) for one in page.items],
        next_url=lists.rest_of(page, url_for(".endpoint", endpoint_id=endpoint_id)),
        is_awaited=not found.off_reason and any(one.is_awaited for one in page.items),
        failures=FAILURES,
        states=MessageState,
        reasons=OffReason,
    )


def _readable(payload: dict[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False, indent=2)


def _filled(found: WebhookEndpoint) -> EndpointForm:
    return EndpointForm(formdata=None, data={"url": found.url, "events": found.events})


@blueprint.post("/<uuid:endpoint_id>")
@allow(Access.SELLER)
@keeps_words
def change(endpoint_id: UUID) -> ResponseReturnValue:
    """Change the address or the events of a webhook."""
    form = EndpointForm()
    queries.endpoint_of(current_user.id, endpoint_id)
    if not form.validate_on_submit():
        return _show(endpoint_id, form=form)
    try:
        endpoints.change(
            owner_id=current_user.id,
            endpoint_id=endpoint_id,
            url=form.url.data.strip(),
            events=form.events.data,
        )
    except NotFound:
        raise
    except AppError as error:
        return _show(endpoint_id, form=form, error=error)
    flash(_("Webhook saved."), "success")
    return _back(endpoint_id)


def _back(endpoint_id: UUID) -> ResponseReturnValue:
    return htmx.redirect_to(url_for(".endpoint", endpoint_id=endpoint_id))


@blueprint.post("/<uuid:endpoint_id>/secret")
@allow(Access.SELLER)
def rotate_secret(endpoint_id: UUID) -> ResponseReturnValue:
    """Sign with a new secret; the page it leads to shows it, once."""
    endpoints.rotate_secret(owner_id=current_user.id, endpoint_id=endpoint_id)
    return _to_new_secret(endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/on")
@allow(Access.SELLER)
def switch_on(endpoint_id: UUID) -> ResponseReturnValue:
    """Switch a webhook on; queued messages are sent first."""
    endpoints.switch(owner_id=current_user.id, endpoint_id=endpoint_id, on=True)
    flash(_("The webhook is on. Queued messages are being sent."), "success")
    return _back(endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/off")
@allow(Access.SELLER)
def switch_off(endpoint_id: UUID) -> ResponseReturnValue:
    """Switch a webhook off."""
    endpoints.switch(owner_id=current_user.id, endpoint_id=endpoint_id, on=False)
    flash(_("The webhook is off."), "success")
    return _back(endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/delete")
@allow(Access.SELLER)
def delete(endpoint_id: UUID) -> ResponseReturnValue:
    """Delete a webhook with all its messages."""
    endpoints.delete(owner_id=current_user.id, endpoint_id=endpoint_id)
    flash(_("Webhook deleted."), "success")
    return htmx.redirect_to(url_for(".index"))


@blueprint.post("/<uuid:endpoint_id>/test")
@allow(Access.SELLER)
def send_test(endpoint_id: UUID) -> ResponseReturnValue:
    """Send a test event."""
    ratelimit.spend(messages.SEND_LIMIT, "webhook-send", str(current_user.id))
    messages.send_test(owner_id=current_user.id, endpoint_id=endpoint_id)
    flash(_("A test event is being sent. The response appears under “Messages”."), "success")
    return _back(endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/messages/<uuid:message_id>/again")
@allow(Access.SELLER)
def send_again(endpoint_id: UUID, message_id: UUID) -> ResponseReturnValue:
    """Send a message again under the same id."""
    ratelimit.spend(messages.SEND_LIMIT, "webhook-send", str(current_user.id))
    messages.send_again(owner_id=current_user.id, endpoint_id=endpoint_id, message_id=message_id)
    flash(_("The message is being sent again."), "success")
    return _back(endpoint_id)
