"""Who may call the routes of reviews."""

from app.kit.access import Access

RULES = {
    "reviews.delete": Access.USER,
    "reviews.hide": Access.STAFF,
    "reviews.of_product_page": Access.PUBLIC,
    "reviews.one": Access.PUBLIC,
    "reviews.reply": Access.SELLER,
    "reviews.report": Access.USER,
    "reviews.save": Access.USER,
    "reviews.seller": Access.PUBLIC,
    "reviews.seller_with_id": Access.PUBLIC,
    "reviews.take_back_reply": Access.SELLER,
    "reviews.unhide": Access.STAFF,
    "reviews.vote": Access.USER,
    "reviews.write": Access.USER,
}
OPEN_TO_STRANGERS = {"reviews.of_product_page"}
