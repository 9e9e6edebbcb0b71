"""Who may call the routes of reviews."""

from app.kit.access import Access

RULES = {
    "product_reviews_api.list_reviews": Access.PUBLIC,
    "reviews_api.delete": Access.USER,
    "reviews_api.get_review": Access.PUBLIC,
    "reviews_api.reply": Access.SELLER,
    "reviews_api.report": Access.USER,
    "reviews_api.take_back_reply": Access.SELLER,
    "reviews_api.take_back_vote": Access.USER,
    "reviews_api.vote": Access.USER,
    "reviews_api.write": Access.USER,
    "sellers_api.get_seller": Access.PUBLIC,
    "reviews.delete": Access.USER,
    "reviews.hide": Access.STAFF,
    "reviews.keep": Access.STAFF,
    "reviews.of_product_page": Access.PUBLIC,
    "reviews.one": Access.PUBLIC,
    "reviews.reply": Access.SELLER,
    "reviews.report": Access.USER,
    "reviews.reported": Access.STAFF,
    "reviews.save": Access.USER,
    "reviews.seller": Access.PUBLIC,
    "reviews.seller_with_id": Access.PUBLIC,
    "reviews.take_back_reply": Access.SELLER,
    "reviews.unhide": Access.STAFF,
    "reviews.vote": Access.USER,
    "reviews.waiting": Access.USER,
    "reviews.write": Access.USER,
}
OPEN_TO_STRANGERS = {
    "reviews.of_product_page",
    "reviews.seller_with_id",
    "sellers_api.get_seller",
    "product_reviews_api.list_reviews",
}
