"""An open conversation: what was said, and what is said without JavaScript.

With JavaScript messages go over the socket, or by POST with `Accept: application/json` where there
is none; the page then asks for what it has missed.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from flask import Response, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from pydantic import TypeAdapter, ValidationError

from app.chats import queries
from app.chats.errors import ChatsUnavailable
from app.chats.forms import EditForm, MessageForm
from app.chats.service import order_news, presence, reading, sending
from app.chats.views import blueprint
from app.kit import htmx
from app.kit.access import Access, allow
from app.kit.errors import AppError, Invalid, NotFound
from app.kit.forms import status_of
from app.kit.headers import no_store
from app.kit.ids import new_id
from app.kit.paging import Moment, Page

LISTED = 20  # other conversations beside the open one
_MOMENT = TypeAdapter[datetime](Moment)


@blueprint.get("/<uuid:conversation_id>")
@allow(Access.USER)
def thread(conversation_id: UUID) -> ResponseReturnValue:
    """The conversation at its end, or (`before`) an earlier part of it."""
    no_store()
    before = request.args.get("before", type=int) or None
    return _show(conversation_id, MessageForm(formdata=None), before=before)


@blueprint.get("/<uuid:conversation_id>/news")
@allow(Access.USER)
def news(conversation_id: UUID) -> ResponseReturnValue:
    """What an open page has missed: after a number, and changed since a moment."""
    no_store()
    taken = queries.taken_part(current_user.id, conversation_id)
    order_news.look(taken.conversation)
    news = queries.news(
        taken,
        after=max(request.args.get("after", 0, type=int), 0),
        first=max(request.args.get("first", 1, type=int), 1),
        since=_moment(request.args.get("since", "")),
    )
    return htmx.page("chats/_news.html", news=news, now=datetime.now(UTC))


@blueprint.post("/<uuid:conversation_id>")
@allow(Access.USER)
def write(conversation_id: UUID) -> ResponseReturnValue:
    """Send a message: a form, or what the page has kept while there was no socket."""
    form = MessageForm()
    wants_json = request.accept_mimetypes.best == "application/json"
    try:
        queries.part_of(current_user.id, conversation_id)  # before anything is said of the words
        if not form.validate_on_submit():
            raise Invalid("bad_message", _first_error(form))
        stored = sending.send(
            user_id=current_user.id,
            conversation_id=conversation_id,
            text=form.text.data,
            client_id=form.client,
            reply_to=form.answered,
            is_sure=form.sure.data == "1",
        )
    except AppError as error:
        if wants_json:
            raise
        return _show(conversation_id, form, error=error)
    if wants_json:
        return jsonify(done={"seq": stored.seq, "client_id": stored.client_id})
    place = f"{url_for('chats.thread', conversation_id=conversation_id)}#m-{stored.seq}"
    return htmx.redirect_to(place)


@blueprint.post("/<uuid:conversation_id>/read")
@allow(Access.USER)
def read(conversation_id: UUID) -> ResponseReturnValue:
    """Move the visitor's read mark, where there is no socket to say it over."""
    seq = request.form.get("seq", 0, type=int)
    reading.mark_read(user_id=current_user.id, conversation_id=conversation_id, seq=max(seq, 0))
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.route("/<uuid:conversation_id>/messages/<int:seq>/edit", methods=["GET", "POST"])
@allow(Access.USER)
def edit(conversation_id: UUID, seq: int) -> ResponseReturnValue:
    """Change a message of one's own."""
    form = EditForm()
    error = None
    if form.validate_on_submit():
        try:
            sending.edit(
                user_id=current_user.id,
                conversation_id=conversation_id,
                seq=seq,
                text=form.text.data,
                is_sure=form.sure.data == "1",
            )
        except NotFound:
            raise
        except AppError as objection:
            error = objection
        else:
            return _back(conversation_id, seq)
    if error is None:  # else what was typed stays, whatever became of the message
        message = queries.changeable_message(current_user.id, conversation_id, seq)
        if not form.is_submitted():
            form.text.data = message.text
    return htmx.page(
        "chats/edit.html",
        status=status_of(form, error),
        form=form,
        message=form.object_to(error) if error else "",
        doubtful=error is not None and error.code == "needs_confirmation",
        conversation_id=conversation_id,
        seq=seq,
    )


@blueprint.post("/<uuid:conversation_id>/messages/<int:seq>/delete")
@allow(Access.USER)
def delete(conversation_id: UUID, seq: int) -> ResponseReturnValue:
    """Take a message of one's own back."""
    sending.delete(user_id=current_user.id, conversation_id=conversation_id, seq=seq)
    return _back(conversation_id, seq)


def _back(conversation_id: UUID, seq: int) -> ResponseReturnValue:
    return htmx.redirect_to(f"{url_for('chats.thread', conversation_id=conversation_id)}#m-{seq}")


def _show(
    conversation_id: UUID,
    form: MessageForm,
    *,
    before: int | None = None,
    error: AppError | None = None,
) -> ResponseReturnValue:
    """The conversation; where it can't be reached, what was typed all the same."""
    now = datetime.now(UTC)
    try:
        taken = queries.taken_part(current_user.id, conversation_id)
        if before is None:
            order_news.look(taken.conversation)
        shown = queries.thread(taken, before=before)
        if before is None:
            reading.mark_read(
                user_id=current_user.id, conversation_id=conversation_id, seq=shown.last_seq
            )
        others = queries.inbox(current_user.id, size=LISTED)
        answers = queries.settings_of(current_user.id)
    except ChatsUnavailable as objection:
        shown, others, answers = None, Page([], None), None
        error = error or objection
    other_id = shown.talk.part.other_id if shown else None
    if not form.client_id.data or error is None:
        form.client_id.data = str(new_id())
    return htmx.page(
        "chats/thread.html",
        fragment="messages",
        status=status_of(form, error),
        conversation_id=conversation_id,
        thread=shown,
        others=others.items,
        settings=answers,
        is_here=presence.is_here(other_id) if other_id else False,
        form=form,
        message=form.object_to(error) if error else "",
        doubtful=error is not None and error.code == "needs_confirmation",
        before=before,
        now=now,
    )


def _first_error(form: MessageForm) -> str:
    return str(next(iter(form.errors.values()))[0])


def _moment(text: str) -> datetime | None:
    try:
        return _MOMENT.validate_strings(text)
    except ValidationError:
        return None
