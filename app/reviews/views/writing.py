"""A buyer writes, changes and deletes a review."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.products.queries import cards
from app.reviews.errors import NoSuchLine
from app.reviews.forms import ReviewForm
from app.reviews.queries.reviews import ReviewableLine, line_of, unreviewed
from app.reviews.service import writing
from app.reviews.views import blueprint

LATELY = timedelta(days=90)


@blueprint.get("/reviews/waiting")
@allow(Access.USER)
def waiting() -> ResponseReturnValue:
    """What the visitor was given lately and has not reviewed."""
    now = datetime.now(UTC)
    lines = unreviewed(current_user.id, since=now - LATELY, until=now)
    return htmx.page("reviews/waiting.html", lines=lines)


@blueprint.get("/reviews/lines/<uuid:line_id>")
@allow(Access.USER)
def write(line_id: UUID) -> ResponseReturnValue:
    """The form for what was bought, with what was written before."""
    line = _line(line_id)
    return _show(line, ReviewForm.of(line.review))


@blueprint.post("/reviews/lines/<uuid:line_id>")
@allow(Access.USER)
@keeps_words
def save(line_id: UUID) -> ResponseReturnValue:
    """Keep what was written."""
    line = _line(line_id)
    form = ReviewForm()
    if not form.validate_on_submit():
        return _show(line, form)
    try:
        writing.write(
            author_id=current_user.id,
            line_id=line_id,
            stars=form.chosen_stars,
            text=form.text.data,
        )
    except AppError as error:
        return _show(line, form, error)
    flash(_("Thank you. Your review is published."), "success")
    return htmx.redirect_to(_back(line.product_id, line.order_id))


@blueprint.post("/reviews/<uuid:review_id>/delete")
@allow(Access.USER)
def delete(review_id: UUID) -> ResponseReturnValue:
    """Delete one's own review."""
    product_id = writing.delete_own(author_id=current_user.id, review_id=review_id)
    flash(_("Your review was deleted."), "success")
    return htmx.redirect_to(_back(product_id, None))


def _line(line_id: UUID) -> ReviewableLine:
    line = line_of(current_user.id, line_id)
    if line is None:
        raise NoSuchLine
    return line


def _back(product_id: UUID, order_id: UUID | None) -> str:
    """To the product's page; where it is no longer for sale, to the purchase."""
    [product] = cards.by_id([product_id])
    if product.for_sale:
        # Scripts may ask from that very page, which an anchor would not load anew.
        anchor = None if htmx.is_htmx() else "reviews"
        return url_for("products.detail", product_id=product_id, _anchor=anchor)
    if order_id is None:
        return url_for("orders.cabinet")
    return url_for("orders.purchase", order_id=order_id)


def _show(
    line: ReviewableLine, form: ReviewForm, error: AppError | None = None
) -> ResponseReturnValue:
    return form_page(
        "reviews/write.html",
        form,
        error,
        fragment="review_form",
        line=line,
        name=current_user.display_name,
    )
