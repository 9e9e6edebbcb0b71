"""The table of the shop: blueprints, listeners, topics, timed work, retention. No logic."""

from functools import partial

from flask import Blueprint, Flask

from app.admin import api as admin_api
from app.admin import views as admin_views
from app.auth import api as auth_api
from app.auth import events as auth_events
from app.auth import views as auth_views
from app.auth.models import KnownNetwork, LoginSession, MailToken, TokenFamily
from app.auth.service import refresh, sessions
from app.auth.views import keys as auth_keys
from app.chats import api as chats_api
from app.chats import events as chats_events
from app.chats import policy as chats_policy
from app.chats import sockets as chats_sockets
from app.chats import tasks as chats_tasks
from app.chats import views as chats_views
from app.chats.service import sweeping
from app.developers import views as developers_views
from app.files import service as photos
from app.files import views as files_views
from app.kit import clock, outbox, promises, retention, slots
from app.kit.api import idempotency
from app.kit.api.idempotency import StoredAnswer
from app.kit.clock import TimedWork
from app.kit.events import Listener, Reach, Registry
from app.kit.outbox import OutboxRow
from app.kit.promises import Promise
from app.kit.retention import Retention
from app.live import policy as live_policy
from app.live import views as live_views
from app.notifications import api as notifications_api
from app.notifications import events as notifications_events
from app.notifications import promises as notifications_promises
from app.notifications import views as notifications_views
from app.notifications.models import Notification
from app.notifications.service import digests
from app.notifications.service import reading as notifications_reading
from app.notifications.tasks import mails, post, stream
from app.orders import api as orders_api
from app.orders import events as orders_events
from app.orders import promises as orders_promises
from app.orders import tasks as orders_tasks
from app.orders import views as orders_views
from app.orders.models import Basket
from app.orders.queries import purchases
from app.orders.service import basket as baskets
from app.orders.service import capturing, delivering, ending
from app.payments import api as payments_api
from app.payments import events as payments_events
from app.payments import promises as payments_promises
from app.payments import views as payments_views
from app.payments.models import InboundEvent
from app.payments.service import fees, fetching, inbound, reconciling, releasing
from app.payments.views import terms
from app.products import api as products_api
from app.products import events as products_events
from app.products import promises as products_promises
from app.products import views as products_views
from app.products.service import uploads
from app.reviews import api as reviews_api
from app.reviews import events as reviews_events
from app.reviews import promises as reviews_promises
from app.reviews import tasks as reviews_tasks
from app.reviews import views as reviews_views
from app.reviews.service import asking
from app.settings import Settings
from app.webhooks import api as webhooks_api
from app.webhooks import events as webhooks_events
from app.webhooks import queries as webhooks_queries
from app.webhooks import tasks as webhooks_tasks
from app.webhooks import views as webhooks_views
from app.webhooks.models import EventType, WebhookMessage
from app.webhooks.service import messages, sending

LOCAL, OUTSIDE = Reach.LOCAL, Reach.OUTSIDE
TO_MAIL = partial(Listener, reach=OUTSIDE, queue="mail")

BLUEPRINTS: list[Blueprint] = [
    auth_views.blueprint,
    auth_keys.blueprint,
    files_views.blueprint,
    products_views.blueprint,
    payments_views.blueprint,
    orders_views.blueprint,
    reviews_views.blueprint,
    live_views.blueprint,
    developers_views.blueprint,
    webhooks_views.blueprint,
    notifications_views.blueprint,
    chats_views.blueprint,
    admin_views.blueprint,
]

API_BLUEPRINTS: list[Blueprint] = [
    auth_api.blueprint,
    products_api.blueprint,
    orders_api.blueprint,
    payments_api.blueprint,
    orders_api.payments_blueprint,
    reviews_api.blueprint,
    reviews_api.products_blueprint,
    reviews_api.sellers_blueprint,
    webhooks_api.blueprint,
    notifications_api.blueprint,
    chats_api.blueprint,
    admin_api.blueprint,
]

# A name stands in rows that wait: to change one takes a migration that changes it there, too.
LISTENERS = [
    TO_MAIL("mail.confirm", auth_events.UserRegistered, mails.send_confirmation),
    TO_MAIL("mail.confirm_again", auth_events.ConfirmationRequested, mails.send_confirmation_again),
    TO_MAIL(
        "mail.already_registered", auth_events.KnownAddressRegistered, mails.send_already_registered
    ),
    TO_MAIL("mail.password_reset", auth_events.PasswordResetRequested, mails.send_password_reset),
    TO_MAIL("mail.password_changed", auth_events.PasswordChanged, mails.send_password_changed),
    TO_MAIL(
        "mail.refresh_token_reused", auth_events.RefreshTokenReused, mails.send_refresh_token_reused
    ),
    TO_MAIL("mail.payout_changed", auth_events.PayoutAddressChanged, mails.send_payout_changed),
    TO_MAIL(
        "mail.payout_changed_to_old",
        auth_events.PayoutAddressChanged,
        mails.send_payout_changed_to_old,
    ),
    TO_MAIL("mail.delivered", orders_events.OrderDelivered, mails.send_delivered),
    TO_MAIL("mail.payment_pending", orders_events.OrderPending, mails.send_payment_pending),
    TO_MAIL("mail.payment_failed", orders_events.OrderFailed, mails.send_payment_failed),
    TO_MAIL("mail.differences", payments_events.DifferencesFound, mails.send_differences),
    TO_MAIL("notifications.mail", notifications_events.MailWanted, post.send_notification),
    TO_MAIL("notifications.digest", notifications_events.DigestWanted, post.send_digest),
    Listener("notifications.order_paid", orders_events.OrderPaid, stream.tell_of_sale, LOCAL),
    Listener(
        "notifications.order_delivered",
        orders_events.OrderDelivered,
        stream.tell_of_delivery,
        LOCAL,
    ),
    Listener("notifications.order_pending", orders_events.OrderPending, stream.tell_of_wait, LOCAL),
    Listener(
        "notifications.order_failed", orders_events.OrderFailed, stream.tell_of_failure, LOCAL
    ),
    Listener("notifications.stock_low", products_events.StockLow, stream.tell_of_low_stock, LOCAL),
    Listener(
        "notifications.product_removed",
        products_events.ProductRemoved,
        stream.tell_of_removal,
        LOCAL,
    ),
    Listener(
        "notifications.product_restored",
        products_events.ProductRestored,
        stream.tell_of_restoration,
        LOCAL,
    ),
    Listener(
        "notifications.account_closed", auth_events.AccountClosed, stream.tell_of_closing, LOCAL
    ),
    Listener(
        "notifications.account_reopened",
        auth_events.AccountReopened,
        stream.tell_of_reopening,
        LOCAL,
    ),
    Listener(
        "notifications.review_written", reviews_events.ReviewWritten, stream.tell_of_review, LOCAL
    ),
    Listener(
        "notifications.review_answered", reviews_events.ReviewAnswered, stream.tell_of_reply, LOCAL
    ),
    Listener(
        "notifications.review_hidden", reviews_events.ReviewHidden, stream.tell_of_hiding, LOCAL
    ),
    Listener(
        "notifications.webhook_off",
        webhooks_events.WebhookSwitchedOff,
        stream.tell_of_webhook,
        LOCAL,
    ),
    # Not before deliveries: it asks PayPal.
    Listener(
        "orders.ask_paypal",
        payments_events.PaypalEventReceived,
        orders_tasks.on_paypal_event,
        OUTSIDE,
    ),
    Listener("orders.deliver", orders_events.OrderPaid, orders_tasks.deliver, LOCAL, "delivery"),
    Listener("orders.refill_basket", orders_events.OrderFailed, orders_tasks.refill_basket, LOCAL),
    Listener(
        "reviews.plan_request", orders_events.OrderDelivered, reviews_tasks.plan_request, LOCAL
    ),
    Listener(
        "notifications.message", chats_events.ConversationUnread, stream.tell_of_message, LOCAL
    ),
    Listener(
        "notifications.message_read", chats_events.ConversationRead, stream.forget_message, LOCAL
    ),
    Listener(
        "notifications.review_wanted", reviews_events.ReviewWanted, stream.ask_for_reviews, LOCAL
    ),
    Listener(
        "webhooks.order_paid",
        orders_events.OrderPaid,
        webhooks_tasks.tell_of_payment,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_order(EventType.ORDER_PAID),
    ),
    Listener(
        "webhooks.order_delivered",
        orders_events.OrderDelivered,
        webhooks_tasks.tell_of_delivery,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_order(EventType.ORDER_DELIVERED),
    ),
    Listener(
        "webhooks.stock_changed",
        products_events.StockChanged,
        webhooks_tasks.tell_of_stock,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_stock(),
    ),
    Listener(
        "webhooks.review_written",
        reviews_events.ReviewWritten,
        webhooks_tasks.tell_of_review,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_review(),
    ),
    Listener("chats.moderator_left", auth_events.RoleTaken, chats_tasks.show_out, OUTSIDE),
    Listener(
        "webhooks.message_received",
        chats_events.MessageArrived,
        chats_tasks.tell_webhooks,
        OUTSIDE,
        "webhooks",
        webhooks_queries.listen_to_messages(),
    ),
]

# Whose news the topics of each kind are: `<kind>:<id>`.
TOPICS: dict[str, live_policy.Rule] = {
    "chat": chats_policy.is_member,
    "inbox": live_policy.oneself,
    "order": purchases.is_buyer,
    "product": live_policy.everybody,
    "user": live_policy.oneself,
    "notifications": live_policy.oneself,
}


# Places in pages that a domain above the page's own fills.
SLOTS: dict[str, slots.Filler] = {
    "category_rates": products_views.terms.by_category,
    "hold": terms.of_seller,
    "product": reviews_views.sections.of_product,
    "purchase": reviews_views.sections.of_purchase,
}

# What open pages may have done over their socket.
ACTS: dict[str, live_policy.Act] = {**chats_sockets.ACTS}


# What traffic makes, and for how many days it is kept after it has served its purpose.
RETENTION = [
    Retention(OutboxRow, 7, outbox.is_over),
    Retention(StoredAnswer, 0, idempotency.is_over),
    Retention(LoginSession, 0, sessions.login_is_over),
    Retention(TokenFamily, 0, refresh.is_over),
    Retention(MailToken, 7, sessions.mail_link_is_over),
    Retention(KnownNetwork, 90, sessions.network_is_over),
    Retention(Basket, 30, baskets.is_forgotten),
    Retention(WebhookMessage, 90, messages.is_over),
    Retention(Notification, 180, notifications_reading.is_over),
    # Longer than a buyer may open a dispute; the table refuses to lose what is younger than that.
    Retention(InboundEvent, 365, inbound.is_over),
]

# What stays for good, or goes by itself, and why.
KEPT = {
    "photo": "files.drop_replaced deletes it with its files, once nothing shows it",
    "stock_upload": "products.drop_expired_uploads deletes it within minutes of its hour",
    "users": "who somebody was is asked for as long as there are orders",
    "former_name": "so many as sellers have given up",
    "signing_key": "a handful",
    "signer_certificate": "a handful, of PayPal's",
    "api_key": "so many for each person, until they end it",
    "category": "a handful",
    "commission_rate": "one for each category and seller at most",
    "commission_change": "who decided what sellers pay; changes are rare",
    "product": "what was bought points at it",
    "remembering_server": "goes when an auth server ends: so many as there are",
    "title_word": "so many as there are words",
    "shared_content": "what was bought",
    "stock_batch": "where a unit came from",
    "stock_item": "what was bought, and what a dispute is about",
    "orders": "books",
    "order_line": "books",
    "delivery": "evidence",
    "delivery_record": "evidence",
    "operator_decision": "books",
    "payment": "books",
    "inbound_handling": "goes with the event that was handled",
    "paypal_transaction": "books",
    "reconciliation_difference": "books",
    "promise_result": "one for each promise",
    "progress": "one for each thing that is read at PayPal",
    "pending_share": "goes when a share is released",
    "ledger_account": "books",
    "ledger_transaction": "books",
    "ledger_entry": "books",
    "account_turnover": "so many for each day on which an account moves as there are movements",
    "account_balance": "so many as accounts; a few for each of the platform's",
    "seller_earnings": "so many as sellers",
    "user_count": "a few for each person",
    "notification_preference": "so many for each person as there are kinds",
    "notification_digest": "one for each person",
    "review": "what people say stays with the product; votes and reports go with it",
    "review_request": "goes when its buyer is asked, some days after the delivery",
    "seller_rating": "so many as sellers",
    "seller_replies": "so many as sellers",
    "webhook_endpoint": "so many for each seller, until they delete it",
}

TIMED_WORK = [
    # Where deliveries are, which are never kept waiting: it is what brings back a lost one.
    TimedWork("outbox.sweep", outbox.sweep, 2, "delivery"),
    TimedWork("orders.expire_overdue", ending.expire_overdue, 5),
    # This and the browser's head start are what a buyer who closed the page waits for the goods.
    TimedWork("orders.chase_unfinished", capturing.chase_unfinished, 2),
    TimedWork("orders.deliver_late", delivering.deliver_late, 5),
    TimedWork("webhooks.send_due", sending.send_due, 5),
    TimedWork("notifications.send_due", digests.send_due, 60),
    TimedWork("notifications.lay_aside_old", notifications_reading.lay_aside_old, 3600),
    TimedWork("payments.release_due", releasing.release_due, 60),
    TimedWork("payments.ask_for_fees", fees.ask_due, 10),
    TimedWork("payments.fetch_missed", fetching.fetch_missed, 3600, "paypal"),
    TimedWork("payments.reconcile", reconciling.reconcile, 600, "paypal"),
    TimedWork("chats.settle_late", sweeping.settle_late, 30),
    TimedWork("chats.tell_unread", sweeping.tell_unread, 60),
    TimedWork("products.drop_expired_uploads", uploads.drop_expired, 300),
    TimedWork("reviews.ask_due", asking.ask_due, 300),
    TimedWork("files.drop_replaced", photos.drop_replaced, 3600),
    TimedWork("promises.check_due", promises.check_due, 60),
    TimedWork("retention.drop_old", retention.drop_old, 3600),
]

PROMISES: list[Promise] = [
    *outbox.PROMISES,
    *products_promises.PROMISES,
    *payments_promises.PROMISES,
    *orders_promises.PROMISES,
    *notifications_promises.PROMISES,
    *reviews_promises.PROMISES,
]


def init_app(app: Flask, settings: Settings) -> None:
    """Put the tables into the application, as far as its roles ask for them."""
    Registry(LISTENERS).init_app(app)
    live_policy.init_app(app, TOPICS, ACTS)
    slots.init_app(app, SLOTS)
    clock.init_app(app, TIMED_WORK)
    retention.init_app(app, RETENTION)
    promises.init_app(app, PROMISES)
    if settings.role_names - {"auth", "chat"}:  # worker and clock put addresses of pages into mails
        for blueprint in BLUEPRINTS:
            app.register_blueprint(blueprint)
    if "chat" in settings.role_names:
        app.register_blueprint(live_views.sockets)
    if "web" in settings.role_names:
        for blueprint in API_BLUEPRINTS:
            app.register_blueprint(blueprint)
