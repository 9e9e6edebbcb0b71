"""The browsers that a person is logged in with."""

from uuid import UUID

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from ua_parser import parse

from app.auth import identity, queries
from app.auth.identity import me
from app.auth.service.sessions import end_session as log_out_browser
from app.auth.views import blueprint
from app.kit.access import Access, allow
from app.kit.htmx import page, redirect_to

_SHOWN = 60


@blueprint.get("/sessions")
@allow(Access.USER)
def sessions() -> ResponseReturnValue:
    """List them."""
    return page(
        "auth/sessions.html",
        sessions=[(live, _browser(live.agent)) for live in queries.live_sessions(me().id)],
        current_id=identity.current_session_id(),
    )


def _browser(agent: str) -> str:
    """A browser's name in words, or what it calls itself where that is not known."""
    parsed = parse(agent)
    if parsed.user_agent is None:
        return agent[:_SHOWN] or _("Unknown browser")
    if parsed.os is None:
        return str(parsed.user_agent.family)
    browser, system = parsed.user_agent.family, parsed.os.family
    return str(_("%(browser)s on %(system)s", browser=browser, system=system))


@blueprint.post("/sessions/<uuid:session_id>/end")
@allow(Access.USER)
def end_session(session_id: UUID) -> ResponseReturnValue:
    """Log one of them out."""
    log_out_browser(user_id=me().id, session_id=session_id)
    if session_id == identity.current_session_id():
        identity.forget()
        return redirect_to(url_for("auth.login"))
    flash(_("That browser has been logged out."), "success")
    return redirect_to(url_for("auth.sessions"))
