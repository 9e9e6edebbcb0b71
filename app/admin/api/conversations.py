"""Reported conversations, for programs of administrators."""

from uuid import UUID

from flask_login import current_user

from app.admin.api import SCOPE, blueprint
from app.admin.schemas import (
    ClosedTalkOut,
    ClosingIn,
    ReportedTalkList,
    ReportedTalkOut,
    ReportedTalksQuery,
    TalkReportOut,
)
from app.chats.queries import Talk, reports
from app.chats.service import moderating
from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import listing_of


@blueprint.get("/conversations/reports")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ReportedTalkList, refusals=(503,))
def list_reported_conversations(query: ReportedTalksQuery) -> ReportedTalkList:
    """List reported conversations, the latest report first."""
    page = reports.reported(after=query.after, size=query.limit, counted=query.total)
    return listing_of(ReportedTalkList, page, _reported)


def _reported(talk: Talk) -> ReportedTalkOut:
    return ReportedTalkOut.read(
        talk.conversation,
        title=talk.title,
        reports=[TalkReportOut.read(one) for one in talk.conversation.reports],
        closings=[TalkReportOut.read(one) for one in talk.conversation.closings],
    )


@blueprint.post("/conversations/<uuid:conversation_id>/close-reports")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ClosedTalkOut, refusals=(409, 503))
def close_conversation_reports(conversation_id: UUID, body: ClosingIn) -> ClosedTalkOut:
    """Close the reports of a conversation: moderators read it no more."""
    moderating.close(
        moderator_id=current_user.id, conversation_id=conversation_id, reason=body.reason
    )
    return ClosedTalkOut(id=conversation_id)
