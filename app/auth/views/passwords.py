"""Passwords: forgotten, reset, changed."""

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.auth import identity, queries
from app.auth.errors import DeadLink
from app.auth.forms import ChangePasswordForm, EmailForm, ResetForm
from app.auth.identity import me
from app.auth.models import MailPurpose
from app.auth.service import credentials
from app.auth.views import blueprint, devices, mailed, ways
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.kit.headers import no_store
from app.kit.htmx import redirect_to
from app.kit.requests import address, agent


@blueprint.get("/forgot")
@allow(Access.PUBLIC)
def forgot() -> ResponseReturnValue:
    """The form."""
    ways.note()
    return form_page("auth/forgot.html", EmailForm())


@blueprint.post("/forgot")
@allow(Access.PUBLIC)
@keeps_words
def send_reset() -> ResponseReturnValue:
    """Have a link mailed; the answer is the same whether the address has an account or not."""
    form = EmailForm()
    if not form.validate_on_submit():
        return form_page("auth/forgot.html", form)
    try:
        credentials.request_password_reset(email=form.email.data, address=address() or "")
    except AppError as error:
        return form_page("auth/forgot.html", form, error)
    return mailed.tell(form.email.data, MailPurpose.RESET)


@blueprint.get("/reset/<token>")
@allow(Access.PUBLIC)
def reset(token: str) -> ResponseReturnValue:
    """The form, if the link can still be used."""
    no_store()
    user = queries.owner_of_link(token, MailPurpose.RESET)
    if user is None:
        return form_page("auth/forgot.html", EmailForm(formdata=None), DeadLink())
    return form_page("auth/reset.html", ResetForm(), email=user.email, token=token)


@blueprint.post("/reset/<token>")
@allow(Access.PUBLIC)
@keeps_words
def reset_password(token: str) -> ResponseReturnValue:
    """Set the new password."""
    no_store()
    form = ResetForm()
    user = queries.owner_of_link(token, MailPurpose.RESET)
    if user is None:
        return form_page("auth/forgot.html", EmailForm(formdata=None), DeadLink())
    email = user.email
    if not form.validate_on_submit():
        return form_page("auth/reset.html", form, email=email, token=token)
    try:
        credentials.reset_password(
            token=token,
            password=form.password.data,
            address=address() or "",
        )
    except DeadLink as error:
        return form_page("auth/forgot.html", EmailForm(formdata=None), error)
    except AppError as error:
        return form_page("auth/reset.html", form, error, email=email, token=token)
    way = ways.kept()
    identity.forget()
    devices.remember(email)
    flash(_("Your new password is set. Please log in."), "success")
    return redirect_to(url_for("auth.login", next=way))


@blueprint.get("/password")
@allow(Access.USER)
def change_password() -> ResponseReturnValue:
    """The form."""
    return form_page("auth/change_password.html", ChangePasswordForm())


@blueprint.post("/password")
@allow(Access.USER)
@keeps_words
def replace_password() -> ResponseReturnValue:
    """Change the password; only this browser stays logged in."""
    form = ChangePasswordForm()
    if not form.validate_on_submit():
        return form_page("auth/change_password.html", form)
    try:
        secret = credentials.change_password(
            user_id=me().id,
            current=form.current.data,
            new=form.new.data,
            address=address() or "",
            agent=agent(),
            device=devices.of(me().email),
        )
    except AppError as error:
        return form_page("auth/change_password.html", form, error)
    identity.remember(secret)
    flash(
        _("Your password has been changed. You have been logged out on all other devices."),
        "success",
    )
    return redirect_to(url_for("auth.profile"))
