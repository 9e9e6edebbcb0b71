"""JSON routes of webhooks, below /api/v1/webhooks."""

from uuid import UUID

from flask import url_for
from flask_login import current_user

from app.kit import ratelimit
from app.kit.access import Access, allow
from app.kit.api.operations import Answer, api_blueprint, operation
from app.kit.api.schemas import listing_of
from app.webhooks import queries
from app.webhooks.schemas import (
    EndpointIn,
    EndpointOut,
    Endpoints,
    MessageList,
    MessageOut,
    MessagesQuery,
    NewEndpointOut,
    OnTheWay,
)
from app.webhooks.service import endpoints, messages
from app.webhooks.service.messages import SEND_LIMIT

blueprint = api_blueprint("webhooks_api", __name__, "webhooks")
SCOPE = "webhooks"
ON_THE_WAY = OnTheWay(accepted=True)


@blueprint.get("")
@allow(Access.SELLER, SCOPE)
@operation(answers=Endpoints)
def list_endpoints() -> Endpoints:
    """List your webhooks."""
    return Endpoints(items=[EndpointOut.read(one) for one in queries.endpoints_of(current_user.id)])


@blueprint.post("")
@allow(Access.SELLER, SCOPE)
@operation(answers=NewEndpointOut, status=201)
def create(body: EndpointIn) -> Answer:
    """Create a webhook; its signing secret is shown only once."""
    endpoint_id, secret = endpoints.create(
        owner_id=current_user.id, url=body.url, events=body.events
    )
    return Answer(
        NewEndpointOut(id=endpoint_id, secret=secret),
        location=url_for(".get_endpoint", endpoint_id=endpoint_id),
    )


@blueprint.get("/<uuid:endpoint_id>")
@allow(Access.SELLER, SCOPE)
@operation(answers=EndpointOut)
def get_endpoint(endpoint_id: UUID) -> EndpointOut:
    """Get a webhook."""
    return EndpointOut.read(queries.endpoint_of(current_user.id, endpoint_id))


@blueprint.put("/<uuid:endpoint_id>")
@allow(Access.SELLER, SCOPE)
@operation(answers=EndpointOut)
def change(endpoint_id: UUID, body: EndpointIn) -> EndpointOut:
    """Change the address or the events of a webhook."""
    endpoints.change(
        owner_id=current_user.id, endpoint_id=endpoint_id, url=body.url, events=body.events
    )
    return EndpointOut.read(queries.endpoint_of(current_user.id, endpoint_id))


@blueprint.delete("/<uuid:endpoint_id>")
@allow(Access.SELLER, SCOPE)
@operation(status=204)
def delete(endpoint_id: UUID) -> None:
    """Delete a webhook with all its messages."""
    endpoints.delete(owner_id=current_user.id, endpoint_id=endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/on")
@allow(Access.SELLER, SCOPE)
@operation(answers=EndpointOut)
def switch_on(endpoint_id: UUID) -> EndpointOut:
    """Switch a webhook on; queued messages are sent first."""
    endpoints.switch(owner_id=current_user.id, endpoint_id=endpoint_id, on=True)
    return EndpointOut.read(queries.endpoint_of(current_user.id, endpoint_id))


@blueprint.post("/<uuid:endpoint_id>/off")
@allow(Access.SELLER, SCOPE)
@operation(answers=EndpointOut)
def switch_off(endpoint_id: UUID) -> EndpointOut:
    """Switch a webhook off."""
    endpoints.switch(owner_id=current_user.id, endpoint_id=endpoint_id, on=False)
    return EndpointOut.read(queries.endpoint_of(current_user.id, endpoint_id))


@blueprint.post("/<uuid:endpoint_id>/test")
@allow(Access.SELLER, SCOPE)
@operation(answers=OnTheWay, status=202)
def send_test(endpoint_id: UUID) -> OnTheWay:
    """Send a test event."""
    ratelimit.spend(SEND_LIMIT, "webhook-send", str(current_user.id))
    messages.send_test(owner_id=current_user.id, endpoint_id=endpoint_id)
    return ON_THE_WAY


@blueprint.get("/<uuid:endpoint_id>/messages")
@allow(Access.SELLER, SCOPE)
@operation(answers=MessageList)
def list_messages(endpoint_id: UUID, query: MessagesQuery) -> MessageList:
    """List the messages of a webhook with all attempts, newest first."""
    endpoint = queries.endpoint_of(current_user.id, endpoint_id)
    page = queries.messages_of(
        endpoint.id, after=query.after, size=query.limit, counted=query.total
    )
    return listing_of(MessageList, page, MessageOut.read)


@blueprint.post("/<uuid:endpoint_id>/messages/<uuid:message_id>/again")
@allow(Access.SELLER, SCOPE)
@operation(answers=OnTheWay, status=202)
def send_again(endpoint_id: UUID, message_id: UUID) -> OnTheWay:
    """Send a message again under the same id."""
    ratelimit.spend(SEND_LIMIT, "webhook-send", str(current_user.id))
    messages.send_again(owner_id=current_user.id, endpoint_id=endpoint_id, message_id=message_id)
    return ON_THE_WAY
