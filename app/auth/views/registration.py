"""Register and confirm the address."""

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.auth import queries
from app.auth.errors import DeadLink
from app.auth.forms import EmailForm, EmptyForm, RegisterForm
from app.auth.models import MailPurpose
from app.auth.service import accounts
from app.auth.views import blueprint, devices, mailed, ways
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.kit.headers import no_store
from app.kit.htmx import page, redirect_to
from app.kit.i18n import locale
from app.kit.requests import address


@blueprint.get("/register")
@allow(Access.PUBLIC)
def register() -> ResponseReturnValue:
    """The form."""
    ways.note()
    if current_user.is_authenticated:
        return redirect_to(ways.destination())
    return form_page("auth/register.html", RegisterForm())


@blueprint.post("/register")
@allow(Access.PUBLIC)
@keeps_words
def make_account() -> ResponseReturnValue:
    """Register; the answer is the same whether the address has an account or not."""
    form = RegisterForm()
    if not form.validate_on_submit():
        return form_page("auth/register.html", form)
    try:
        accounts.register(
            email=form.email.data,
            password=form.password.data,
            display_name=form.display_name.data,
            locale=locale(),
            address=address() or "",
        )
    except AppError as error:
        return form_page("auth/register.html", form, error)
    return mailed.tell(form.email.data, MailPurpose.CONFIRM)


@blueprint.get("/confirm/<token>")
@allow(Access.PUBLIC)
def confirm(token: str) -> ResponseReturnValue:
    """A button: programs that look into mails open links, but send no forms."""
    no_store()
    user = queries.owner_of_link(token, MailPurpose.CONFIRM)
    if user is None:
        return form_page("auth/resend.html", EmailForm(formdata=None), DeadLink())
    return page("auth/confirm.html", form=EmptyForm(), email=user.email, token=token)


@blueprint.post("/confirm/<token>")
@allow(Access.PUBLIC)
def confirm_address(token: str) -> ResponseReturnValue:
    """Confirm the address."""
    user = queries.owner_of_link(token, MailPurpose.CONFIRM)
    email = user.email if user else ""
    try:
        accounts.confirm_email(token=token)
    except DeadLink as error:
        return form_page("auth/resend.html", EmailForm(formdata=None), error)
    devices.remember(email)
    flash(_("Your email is confirmed. You can log in now."), "success")
    return redirect_to(url_for("auth.login"))


@blueprint.get("/resend-confirmation")
@allow(Access.PUBLIC)
def resend_confirmation() -> ResponseReturnValue:
    """The form."""
    return form_page("auth/resend.html", EmailForm())


@blueprint.post("/resend-confirmation")
@allow(Access.PUBLIC)
@keeps_words
def send_confirmation_again() -> ResponseReturnValue:
    """Have the confirmation mailed again."""
    form = EmailForm()
    if not form.validate_on_submit():
        return form_page("auth/resend.html", form)
    try:
        accounts.resend_confirmation(email=form.email.data, address=address() or "")
    except AppError as error:
        return form_page("auth/resend.html", form, error)
    return mailed.tell(form.email.data, MailPurpose.CONFIRM)
