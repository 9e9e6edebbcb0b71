"""The tables of what is kept, for how long, and why."""

from app.auth.models import KnownNetwork, LoginSession, MailToken, TokenFamily
from app.auth.service import refresh, sessions
from app.kit import outbox
from app.kit.api import idempotency
from app.kit.api.idempotency import StoredAnswer
from app.kit.outbox import OutboxRow
from app.kit.retention import Retention
from app.notifications.models import Notification
from app.notifications.service import reading as notifications_reading
from app.orders.models import Basket
from app.orders.service import basket as baskets
from app.payments.models import InboundEvent
from app.payments.service import inbound
from app.webhooks.models import WebhookMessage
from app.webhooks.service import messages

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
    "refund": "books",
    "refund_part": "books",
    "payout": "books",
    "payout_batch": "books",
    "payout_run": "one a day at most",
    "payout_decision": "books",
    "refunded_piece": "books",
    "dispute": "books",
    "dispute_part": "books",
    "dispute_fee": "books",
    "dispute_evidence": "what was said to PayPal",
    "mail_record": "evidence",
    "claim": "what a dispute may be about",
    "seller_claims": "so many as sellers",
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
