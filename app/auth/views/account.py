"""The profile, and selling."""

from flask import Response, current_app, flash, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _

from app.auth import identity, policy
from app.auth.errors import AlreadySeller
from app.auth.forms import PayoutForm, ProfileForm, SellerForm
from app.auth.identity import me
from app.auth.service import accounts, selling
from app.auth.views import blueprint, devices
from app.kit import i18n
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.kit.htmx import redirect_to
from app.kit.money import BASIS_POINTS
from app.kit.requests import address, agent
from app.settings import Settings


@blueprint.get("/profile")
@allow(Access.USER)
def profile() -> ResponseReturnValue:
    """What the shop knows of the person, and the ways to change it."""
    return form_page("auth/profile.html", ProfileForm(obj=me()))


@blueprint.post("/profile")
@allow(Access.USER)
@keeps_words
def update_profile() -> ResponseReturnValue:
    """Change name and language."""
    form = ProfileForm()
    if not form.validate_on_submit():
        return form_page("auth/profile.html", form)
    locale = form.locale.data
    try:
        accounts.update_profile(user_id=me().id, display_name=form.display_name.data, locale=locale)
    except AppError as error:
        return form_page("auth/profile.html", form, error)
    session["locale"] = locale
    with force_locale(locale):
        flash(_("Profile saved."), "success")
    return redirect_to(url_for("auth.profile"))


@blueprint.get("/selling")
@allow(Access.USER)
def become_seller() -> ResponseReturnValue:
    """The form; for a seller the one to be paid somewhere else."""
    if policy.may_sell(me()):
        return form_page("auth/payout.html", PayoutForm(obj=me()))
    return _seller_page(SellerForm(display_name=me().display_name, paypal_email=me().email))


def _seller_page(form: SellerForm, error: AppError | None = None) -> Response:
    """The form, with what a seller gets of a sale, and when."""
    settings: Settings = current_app.extensions["settings"]
    return form_page(
        "auth/become_seller.html",
        form,
        error,
        share=i18n.percent(BASIS_POINTS - settings.commission_basis_points),
    )


@blueprint.post("/selling")
@allow(Access.USER)
@keeps_words
def start_selling() -> ResponseReturnValue:
    """Become a seller."""
    form = SellerForm()
    if not form.validate_on_submit():
        return _seller_page(form)
    try:
        secret = selling.become_seller_in_browser(
            user_id=me().id,
            display_name=form.display_name.data,
            paypal_email=form.paypal_email.data,
            password=form.password.data,
            address=address() or "",
            agent=agent(),
            device=devices.of(me().email),
        )
    except AlreadySeller as error:
        flash(error.message, "info")
        return redirect_to(url_for("auth.become_seller"))
    except AppError as error:
        return _seller_page(form, error)
    identity.remember(secret)
    flash(_("You are now a seller. Add your first product."), "success")
    return redirect_to(url_for("products.seller_products"))


@blueprint.post("/selling/paypal")
@allow(Access.SELLER)
@keeps_words
def change_paypal_email() -> ResponseReturnValue:
    """Have the money sent somewhere else."""
    form = PayoutForm()
    if not form.validate_on_submit():
        return form_page("auth/payout.html", form)
    try:
        selling.change_paypal_email(
            user_id=me().id,
            paypal_email=form.paypal_email.data,
            password=form.password.data,
            address=address() or "",
            device=devices.of(me().email),
        )
    except AppError as error:
        return form_page("auth/payout.html", form, error)
    flash(_("Your PayPal email has been changed. We have notified the old address too."), "success")
    return redirect_to(url_for("auth.profile"))
