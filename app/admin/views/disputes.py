"""Disputes as moderators and administrators see them."""

from uuid import UUID

from flask import Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.admin.views import blueprint
from app.auth import queries as people
from app.chats.errors import ChatsUnavailable
from app.chats.service.proof import conversations_about
from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.orders.queries import disputes as queries
from app.orders.service.proof import answering
from app.payments.models.disputes import DisputeState


@blueprint.get("/disputes")
@allow(Access.STAFF)
def list_disputes() -> ResponseReturnValue:
    """List the disputes that PayPal has not decided yet, or all of them."""
    asked, open_only = lists.asked(), request.args.get("state") != "all"
    page = queries.disputes(
        state=DisputeState.OPEN if open_only else None, after=asked.after, size=asked.size()
    )
    return htmx.page(
        "admin/disputes.html",
        fragment="items",
        disputes=page.items,
        next_url=lists.rest_of(page, request.path),
        open_only=open_only,
        open_count=queries.open_count(),
    )


@blueprint.get("/disputes/<uuid:dispute_id>")
@allow(Access.STAFF)
def show_dispute(dispute_id: UUID) -> ResponseReturnValue:
    """One of them, with its money, its people and where they talk."""
    dispute = queries.dispute_of(dispute_id)
    return htmx.page(
        "admin/dispute.html",
        dispute=dispute,
        buyer=people.get_user(dispute.buyer_id),
        sellers={line.seller_id: line.seller_name for line in dispute.lines},
        conversations=_conversations(dispute),
        sections=answering.preview(dispute_id=dispute_id),
    )


@blueprint.get("/disputes/<uuid:dispute_id>/evidence.pdf")
@allow(Access.STAFF)
def preview_evidence(dispute_id: UUID) -> ResponseReturnValue:
    """The document that would be sent now."""
    return _pdf(answering.document(dispute_id=dispute_id))


@blueprint.get("/disputes/<uuid:dispute_id>/evidence/<uuid:evidence_id>.pdf")
@allow(Access.STAFF)
def sent_evidence(dispute_id: UUID, evidence_id: UUID) -> ResponseReturnValue:
    """The document that was sent, as it was."""
    return _pdf(queries.document_of(dispute_id, evidence_id))


@blueprint.post("/disputes/<uuid:dispute_id>/evidence")
@allow(Access.STAFF)
def send_evidence(dispute_id: UUID) -> ResponseReturnValue:
    """Send the evidence as it stands now."""
    answering.send(dispute_id=dispute_id, asked_by=current_user.id)
    flash(_("The evidence is on its way to PayPal."), "success")
    return htmx.redirect_to(url_for("admin.show_dispute", dispute_id=dispute_id))


def _pdf(document: bytes) -> Response:
    headers = {"Content-Disposition": 'inline; filename="evidence.pdf"'}
    return Response(document, mimetype="application/pdf", headers=headers)


def _conversations(dispute: queries.DisputeWhole) -> dict[UUID, UUID]:
    """Where its people talk, by seller; none while conversations can't be read."""
    try:
        return conversations_about(dispute.order_id, dispute.sellers)
    except ChatsUnavailable:
        return {}
