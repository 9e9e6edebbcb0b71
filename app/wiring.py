"""The table of the shop: blueprints, listeners, topics, timed work, retention. No logic."""

from flask import Blueprint, Flask

from app.admin import api as admin_api
from app.admin import views as admin_views
from app.auth import api as auth_api
from app.auth import views as auth_views
from app.auth.views import keys as auth_keys
from app.chats import api as chats_api
from app.chats import policy as chats_policy
from app.chats import sockets as chats_sockets
from app.chats import views as chats_views
from app.chats.service import proof as chat_proof
from app.chats.service import sweeping
from app.developers import views as developers_views
from app.files import service as photos
from app.files import views as files_views
from app.keeping import RETENTION
from app.kit import clock, outbox, promises, retention, slots
from app.kit.clock import TimedWork
from app.kit.events import Registry
from app.kit.promises import Promise
from app.listeners import LISTENERS
from app.live import policy as live_policy
from app.live import views as live_views
from app.notifications import api as notifications_api
from app.notifications import promises as notifications_promises
from app.notifications import views as notifications_views
from app.notifications.service import digests
from app.notifications.service import proof as mail_proof
from app.notifications.service import reading as notifications_reading
from app.orders import api as orders_api
from app.orders import promises as orders_promises
from app.orders import views as orders_views
from app.orders.queries import purchases
from app.orders.service import capturing, delivering, disputing, ending, refunding
from app.orders.service.proof import answering, gathering, sources
from app.payments import api as payments_api
from app.payments import promises as payments_promises
from app.payments import views as payments_views
from app.payments.service import fees, fetching, reconciling, releasing
from app.payments.service.payouts import sending as payout_sending
from app.payments.service.payouts import starting as payout_starting
from app.payments.views import terms
from app.products import api as products_api
from app.products import promises as products_promises
from app.products import views as products_views
from app.products.service import uploads
from app.reviews import api as reviews_api
from app.reviews import promises as reviews_promises
from app.reviews import views as reviews_views
from app.reviews.service import asking
from app.settings import Settings
from app.webhooks import api as webhooks_api
from app.webhooks import views as webhooks_views
from app.webhooks.service import sending

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
    payments_api.payouts_blueprint,
    payments_api.all_payouts_blueprint,
    reviews_api.blueprint,
    reviews_api.products_blueprint,
    reviews_api.sellers_blueprint,
    webhooks_api.blueprint,
    notifications_api.blueprint,
    chats_api.blueprint,
    admin_api.blueprint,
]

# Whose news the topics of each kind are: `<kind>:<id>`.
TOPICS: dict[str, live_policy.Rule] = {
    "chat": chats_policy.is_member,
    "inbox": live_policy.oneself,
    "order": purchases.is_buyer,
    "payouts": live_policy.oneself,
    "product": live_policy.everybody,
    "user": live_policy.oneself,
    "notifications": live_policy.oneself,
}


# Places in pages that a domain above the page's own fills.
SLOTS: dict[str, slots.Filler] = {
    "category_rates": products_views.terms.by_category,
    "hold": terms.of_seller,
    "payout_pause": terms.pause_of_payouts,
    "product": reviews_views.sections.of_product,
    "purchase": reviews_views.sections.of_purchase,
}

# What is known of an order, for PayPal to decide a dispute by, in the order of the document.
EVIDENCE: list[gathering.Source] = [
    sources.listing,
    sources.record,
    mail_proof.mails,
    chat_proof.conversation,
]

# What open pages may have done over their socket.
ACTS: dict[str, live_policy.Act] = {**chats_sockets.ACTS}


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
    TimedWork("orders.ask_for_refunds", refunding.ask_due, 5),
    TimedWork("orders.ask_about_disputes", disputing.ask_due, 60),
    TimedWork("orders.send_evidence", answering.send_due, 30),
    TimedWork("payments.release_due", releasing.release_due, 60),
    TimedWork("payments.ask_for_fees", fees.ask_due, 10),
    TimedWork("payments.fetch_missed", fetching.fetch_missed, 3600, "paypal"),
    TimedWork("payments.reconcile", reconciling.reconcile, 600, "paypal"),
    TimedWork("payments.start_payouts", payout_starting.run_due, 60),
    TimedWork("payments.attend_payouts", payout_sending.attend_due, 5),
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
    gathering.init_app(app, EVIDENCE)
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
