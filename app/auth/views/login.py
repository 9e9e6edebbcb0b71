"""Log in, log out, choose a language."""

from flask import flash, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.auth import identity
from app.auth.errors import NotConfirmed, TooManyLogins
from app.auth.forms import EmptyForm, LoginForm
from app.auth.identity import me
from app.auth.service import accounts, sessions
from app.auth.service.details import clean_locale
from app.auth.views import blueprint, devices, ways
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.kit.htmx import redirect_to
from app.kit.requests import address, agent


@blueprint.get("/login")
@allow(Access.PUBLIC)
def login() -> ResponseReturnValue:
    """The form."""
    ways.note()
    if current_user.is_authenticated:
        return redirect_to(ways.destination())
    return form_page("auth/login.html", LoginForm(), next=ways.destination())


@blueprint.post("/login")
@allow(Access.PUBLIC)
@keeps_words
def log_in() -> ResponseReturnValue:
    """Log in and go on to where the person wanted to go."""
    form = LoginForm()
    if not form.validate_on_submit():
        if "csrf_token" in form.errors and current_user.is_authenticated:
            return redirect_to(ways.destination())  # in another tab, while this one was open
        return form_page("auth/login.html", form, next=ways.destination())
    try:
        secret = sessions.log_in(
            email=form.email.data,
            password=form.password.data,
            address=address() or "",
            agent=agent(),
            device=devices.of(form.email.data),
        )
    except AppError as error:
        return form_page(
            "auth/login.html",
            form,
            error,
            next=ways.destination(),
            unconfirmed=isinstance(error, NotConfirmed),
            under_attack=isinstance(error, TooManyLogins),
        )
    target = ways.destination()  # before the session is another one
    _leave()  # the login that this browser had until now
    identity.remember(secret)
    devices.remember(form.email.data)
    return redirect_to(target)


def _leave() -> None:
    session_id = identity.current_session_id() if current_user.is_authenticated else None
    if session_id is not None:
        sessions.log_out(session_id=session_id)


@blueprint.post("/logout")
@allow(Access.PUBLIC)
@keeps_words
def logout() -> ResponseReturnValue:
    """Log this browser out; whom another tab has logged out already is told so all the same."""
    if not EmptyForm().validate_on_submit() and current_user.is_authenticated:
        return _once_more(url_for("products.catalogue"))
    _leave()
    identity.forget()
    flash(_("You have been logged out."), "success")
    return redirect_to(url_for("products.catalogue"))


@blueprint.post("/logout-everywhere")
@allow(Access.USER)
def logout_everywhere() -> ResponseReturnValue:
    """Log every browser out, this one too."""
    sessions.log_out_everywhere(user_id=me().id)
    identity.forget()
    flash(_("You have been logged out everywhere."), "success")
    return redirect_to(url_for("auth.login"))


def _once_more(target: str) -> ResponseReturnValue:
    """Lead to a page whose buttons count again: those of the page it came from are outdated."""
    flash(_("This page was open for too long. Please send the form again."), "error")
    return redirect_to(target)


@blueprint.post("/locale")
@allow(Access.PUBLIC)
@keeps_words
def set_locale() -> ResponseReturnValue:
    """Choose the language, for this browser and for the account."""
    if not EmptyForm().validate_on_submit():
        return _once_more(ways.destination())
    locale = clean_locale(request.form.get("locale", ""))
    if current_user.is_authenticated:
        accounts.set_locale(user_id=me().id, locale=locale)
    session["locale"] = locale
    return redirect_to(ways.destination())
