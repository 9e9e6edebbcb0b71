"""Pages of notifications: the stream, the bell in the header, and what goes out by mail."""

from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.local import LocalProxy

from app.auth import identity
from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.kit.headers import no_store
from app.kit.masks import protection
from app.notifications import kinds, queries
from app.notifications.forms import MODES, PreferencesForm
from app.notifications.models import UNREAD, NotificationKind
from app.notifications.service import preferences as choices
from app.notifications.service import reading
from app.notifications.service.notifying import topic_of

blueprint = Blueprint("notifications", __name__, url_prefix="/notifications")


@blueprint.app_context_processor
def _bell_for_templates() -> dict[str, object]:
    # Read only where a template shows it; it came with the login.
    return {"unread_count": LocalProxy(lambda: identity.count(UNREAD)), "bell_topic": topic_of}


@blueprint.get("")
@allow(Access.USER)
def index() -> ResponseReturnValue:
    """The stream, newest first: all of it, one kind, what is unread."""
    asked = lists.asked()
    kind, unread = _kind_asked(), request.args.get("unread") == "1"
    page = queries.notifications_of(
        current_user.id, kind=kind, unread=unread, after=asked.after, size=asked.size()
    )
    return htmx.page(
        "notifications/index.html",
        fragment="items" if asked.after else "stream",
        items=[(told, kinds.KINDS[told.kind]) for told in page.items],
        newest=page.items[0].id if page.items and not asked.after else None,
        next_url=lists.rest_of(page, request.path),
        again=_address(kind, unread=unread, again=True),
        kind=kind,
        unread=unread,
        filters=_filters(kind, unread=unread),
        unread_now=identity.count(UNREAD),
    )


def _kind_asked() -> NotificationKind | None:
    try:
        return NotificationKind(request.args.get("kind", ""))
    except ValueError:
        return None


def _address(kind: NotificationKind | None, *, unread: bool, again: bool = False) -> str:
    asked = {"kind": kind, "unread": "1" if unread else None, "again": "1" if again else None}
    query = urlencode({name: value for name, value in asked.items() if value})
    return url_for(".index") + (f"?{query}" if query else "")


def _filters(
    kind: NotificationKind | None, *, unread: bool
) -> dict[str, list[tuple[str, str, bool]]]:
    """The two rows of filters: label, address, whether it is the one that is on."""
    own = kinds.kinds_for(current_user.role_names)
    return {
        "read": [
            (_("All"), _address(kind, unread=False), not unread),
            (_("Unread"), _address(kind, unread=True), unread),
        ],
        "kinds": [
            (_("Everything"), _address(None, unread=unread), kind is None),
            *(
                (str(kinds.KINDS[one].label), _address(one, unread=unread), kind is one)
                for one in own
            ),
        ],
    }


@blueprint.get("/bell")
@allow(Access.USER)
def bell() -> ResponseReturnValue:
    """The bell alone, which fetches itself when something was announced."""
    no_store()
    path, _query = htmx.page_around()
    return htmx.page("notifications/bell.html", unread_now=identity.count(UNREAD), path=path)


@blueprint.get("/<uuid:notification_id>")
@allow(Access.USER)
def open_one(notification_id: UUID) -> ResponseReturnValue:
    """Lead to what a notification is about, which marks it read."""
    told = reading.mark_read(user_id=current_user.id, notification_id=notification_id)
    target = kinds.target_of(told.kind, told.params)
    return htmx.redirect_to(url_for(target.endpoint, **target.values))


@blueprint.post("/<uuid:notification_id>/read")
@allow(Access.USER)
def mark_read(notification_id: UUID) -> ResponseReturnValue:
    """Mark one as read without going there."""
    reading.mark_read(user_id=current_user.id, notification_id=notification_id)
    return htmx.redirect_to(_back())


@blueprint.post("/read")
@allow(Access.USER)
def mark_all_read() -> ResponseReturnValue:
    """Mark all that were shown as read, or those of the kind that was."""
    reading.mark_all_read(
        user_id=current_user.id,
        kind=_kind_asked(),
        up_to=request.form.get("up_to", None, type=UUID),
    )
    return htmx.redirect_to(_back())


def _back() -> str:
    return _address(_kind_asked(), unread=request.args.get("unread") == "1")


@blueprint.get("/preferences")
@allow(Access.USER)
def preferences() -> ResponseReturnValue:
    """What goes out by mail, and how."""
    chosen = kinds.chosen_by(current_user.role_names)
    return _preferences(PreferencesForm.of(chosen, queries.modes_of(current_user.id)))


@blueprint.post("/preferences")
@allow(Access.USER)
def save_preferences() -> ResponseReturnValue:
    """Keep what goes out by mail."""
    chosen = kinds.chosen_by(current_user.role_names)
    form = PreferencesForm.of(chosen)
    if not form.validate_on_submit():
        return _preferences(form)
    try:
        choices.choose(user_id=current_user.id, modes=form.modes(chosen))
    except AppError as error:
        return _preferences(form, error)
    flash(_("Saved."), "success")
    return htmx.redirect_to(url_for(".preferences"))


def _preferences(form: PreferencesForm, error: AppError | None = None) -> ResponseReturnValue:
    return form_page(
        "notifications/preferences.html",
        form,
        error,
        kinds=[(kind, kinds.KINDS[kind]) for kind in kinds.kinds_for(current_user.role_names)],
        modes=MODES,
    )


@blueprint.get("/unsubscribe/<token>")
@allow(Access.PUBLIC)
def unsubscribe(token: str) -> ResponseReturnValue:
    """Ask whether such mails are to end: whoever only looks (or scans) changes nothing."""
    return _unsubscribing(token, is_done=False)


# RFC 8058: the mail reader's POST comes from anywhere, without a cookie. What the token says is all
# there is to it, so a page of another site could do no more than whoever holds the mail.
@blueprint.post("/unsubscribe/<token>")
@allow(Access.SIGNED)
@protection.exempt  # type: ignore[untyped-decorator]  # Flask-WTF has no types
def unsubscribe_now(token: str) -> ResponseReturnValue:
    """End such mails, at one click, and answer without leading anywhere else."""
    choices.unsubscribe(token=token)
    return _unsubscribing(token, is_done=True)


def _unsubscribing(token: str, *, is_done: bool) -> ResponseReturnValue:
    no_store()
    _user_id, kind = choices.read_token(token)
    return htmx.page(
        "notifications/unsubscribe.html",
        token=token,
        label=kinds.KINDS[kind].label if kind else None,
        is_done=is_done,
    )
