"""A seller's endpoints: made, changed, switched, deleted; and their secrets."""

import base64
import os
from collections.abc import Sequence
from uuid import UUID

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import func, select, update

from app.auth.models import User
from app.kit.crypto import Sealed, vault
from app.kit.db import lock, session, transactional
from app.kit.ids import new_id
from app.webhooks.errors import BadEndpoint, NoSuchEndpoint, TooManyEndpoints
from app.webhooks.models import (
    CHOICES,
    MessageState,
    OffReason,
    WebhookEndpoint,
    WebhookMessage,
)
from app.webhooks.posting import is_address

MAX_ENDPOINTS = 10
_SECRET_BYTES = 24
_PURPOSE = "webhook"


@transactional
def create(*, owner_id: UUID, url: str, events: Sequence[str]) -> tuple[UUID, str]:
    """Make an endpoint; its id, and the secret that signs, which is shown this once.

    Raises BadEndpoint, TooManyEndpoints.
    """
    _check(url, events)
    lock(User, owner_id)  # one at a time, so that none is made beside the last one
    count = select(func.count()).where(WebhookEndpoint.owner_id == owner_id)
    if session().execute(count).scalar_one() >= MAX_ENDPOINTS:
        raise TooManyEndpoints(MAX_ENDPOINTS)
    endpoint = WebhookEndpoint(id=new_id(), owner_id=owner_id, url=url, events=sorted(set(events)))
    secret = _give_secret(endpoint)
    session().add(endpoint)
    return endpoint.id, secret


@transactional
def change(*, owner_id: UUID, endpoint_id: UUID, url: str, events: Sequence[str]) -> None:
    """Change the address or the events. Raises NoSuchEndpoint, BadEndpoint.

    A new address has not failed yet.
    """
    endpoint = _own(owner_id, endpoint_id)
    _check(url, events)
    if url != endpoint.url:
        endpoint.failing_since = None
    endpoint.url, endpoint.events = url, sorted(set(events))


@transactional
def rotate_secret(*, owner_id: UUID, endpoint_id: UUID) -> str:
    """Sign with a new secret from now on; it is shown this once. Raises NoSuchEndpoint."""
    return _give_secret(_own(owner_id, endpoint_id))


@transactional
def switch(*, owner_id: UUID, endpoint_id: UUID, on: bool) -> None:
    """Switch off, or on again: what waited meanwhile is sent then. Raises NoSuchEndpoint."""
    endpoint = _own(owner_id, endpoint_id)
    if on and endpoint.off_reason is not None:
        _make_due(endpoint_id)
    endpoint.off_reason = None if on else endpoint.off_reason or OffReason.BY_HAND
    endpoint.failing_since = None


def _make_due(endpoint_id: UUID) -> None:
    """Let what waits for its next attempt, perhaps for a day, wait no longer."""
    session().execute(
        update(WebhookMessage)
        .where(
            WebhookMessage.endpoint_id == endpoint_id,
            WebhookMessage.state == MessageState.PENDING,
            WebhookMessage.next_at > func.clock_timestamp(),
        )
        .values(next_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


@transactional
def delete(*, owner_id: UUID, endpoint_id: UUID) -> None:
    """Delete an endpoint with all its messages. Raises NoSuchEndpoint."""
    session().delete(_own(owner_id, endpoint_id))


def secret_of(endpoint: WebhookEndpoint) -> str:
    """The secret in clear, for signing."""
    sealed = Sealed(endpoint.sealed, endpoint.key_version)
    return vault().open_secret(sealed, purpose=_PURPOSE, ident=endpoint.id)


def _give_secret(endpoint: WebhookEndpoint) -> str:
    secret = f"whsec_{base64.b64encode(os.urandom(_SECRET_BYTES)).decode()}"
    sealed = vault().seal_secret(secret, purpose=_PURPOSE, ident=endpoint.id)
    endpoint.sealed, endpoint.key_version = sealed.data, sealed.key_version
    return secret


def _own(owner_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = lock(WebhookEndpoint, endpoint_id)
    if endpoint is None or endpoint.owner_id != owner_id:
        raise NoSuchEndpoint
    return endpoint


def _check(url: str, events: Sequence[str]) -> None:
    errors: dict[str, str] = {}
    if not is_address(url, private=current_app.extensions["settings"].webhook_allow_private):
        errors["url"] = _("Enter an address such as https://example.com/byteshop.")
    if not events or not set(events) <= {kind.value for kind in CHOICES}:
        errors["events"] = _("Choose at least one event.")
    if errors:
        raise BadEndpoint(errors)
