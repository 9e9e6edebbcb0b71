"""The table of listeners: what is done when something was announced."""

from functools import partial

from app.auth import events as auth_events
from app.chats import events as chats_events
from app.chats import tasks as chats_tasks
from app.kit.events import Listener, Reach
from app.notifications import events as notifications_events
from app.notifications.tasks import disputes, mails, post, stream
from app.orders import events as orders_events
from app.orders import tasks as orders_tasks
from app.payments import events as payments_events
from app.products import events as products_events
from app.reviews import events as reviews_events
from app.reviews import tasks as reviews_tasks
from app.webhooks import events as webhooks_events
from app.webhooks import queries as webhooks_queries
from app.webhooks import tasks as webhooks_tasks
from app.webhooks.models import EventType

LOCAL, OUTSIDE = Reach.LOCAL, Reach.OUTSIDE
TO_MAIL = partial(Listener, reach=OUTSIDE, queue="mail")

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
    TO_MAIL(
        "mail.approval_reversed", orders_events.OrderApprovalReversed, mails.send_approval_reversed
    ),
    TO_MAIL("mail.differences", payments_events.DifferencesFound, mails.send_differences),
    TO_MAIL("mail.refunded", orders_events.OrderRefunded, mails.send_refunded),
    TO_MAIL("mail.refund_failed", orders_events.RefundFailed, mails.send_refund_failed),
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
    Listener("notifications.refunded", orders_events.OrderRefunded, stream.tell_of_refund, LOCAL),
    Listener(
        "notifications.refund_failed",
        orders_events.RefundFailed,
        stream.tell_of_failed_refund,
        LOCAL,
    ),
    Listener("notifications.claim_opened", orders_events.ClaimOpened, stream.tell_of_claim, LOCAL),
    Listener(
        "notifications.claim_moved", orders_events.ClaimMoved, stream.tell_of_claims_way, LOCAL
    ),
    Listener(
        "notifications.claim_reopened",
        orders_events.ClaimReopened,
        stream.tell_of_claim_again,
        LOCAL,
    ),
    Listener(
        "notifications.dispute_opened", orders_events.OrderDisputed, disputes.tell_of_dispute, LOCAL
    ),
    Listener(
        "notifications.dispute_moved", orders_events.DisputeMoved, disputes.tell_of_move, LOCAL
    ),
    Listener(
        "notifications.dispute_ended", orders_events.DisputeEnded, disputes.tell_of_end, LOCAL
    ),
    Listener(
        "notifications.approval_reversed",
        orders_events.OrderApprovalReversed,
        stream.tell_of_reversal,
        LOCAL,
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
    Listener(
        "orders.ask_for_refund",
        orders_events.RefundAsked,
        orders_tasks.ask_for_refund,
        OUTSIDE,
        "paypal",
    ),
    Listener(
        "orders.look_at_dispute",
        payments_events.DisputeTold,
        orders_tasks.look_at_dispute,
        OUTSIDE,
        "paypal",
    ),
    Listener(
        "orders.look_for_disputes",
        payments_events.PaymentDisputed,
        orders_tasks.look_for_disputes,
        OUTSIDE,
        "paypal",
    ),
    Listener(
        "orders.look_at_reversal",
        payments_events.CaptureReversed,
        orders_tasks.look_at_reversal,
        OUTSIDE,
        "paypal",
    ),
    Listener(
        "orders.send_evidence",
        orders_events.EvidenceWritten,
        orders_tasks.send_evidence,
        OUTSIDE,
        "paypal",
    ),
    Listener("orders.deliver", orders_events.OrderPaid, orders_tasks.deliver, LOCAL, "delivery"),
    Listener("orders.refill_basket", orders_events.OrderFailed, orders_tasks.refill_basket, LOCAL),
    Listener(
        "reviews.drop_unopened",
        orders_events.OrderRefunded,
        reviews_tasks.drop_unopened,
        LOCAL,
    ),
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
        "webhooks.order_refunded",
        orders_events.OrderRefunded,
        webhooks_tasks.tell_of_refund,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_order(EventType.ORDER_REFUNDED),
    ),
    Listener(
        "webhooks.claim_opened",
        orders_events.ClaimOpened,
        webhooks_tasks.tell_of_claim,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_seller(EventType.CLAIM_OPENED),
    ),
    Listener(
        "webhooks.dispute_opened",
        orders_events.OrderDisputed,
        webhooks_tasks.tell_of_dispute,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_order(EventType.DISPUTE_OPENED),
    ),
    Listener(
        "webhooks.dispute_resolved",
        orders_events.DisputeEnded,
        webhooks_tasks.tell_of_dispute_end,
        LOCAL,
        "webhooks",
        webhooks_queries.listen_to_order(EventType.DISPUTE_RESOLVED),
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
        webhooks_queries.listen_to_seller(EventType.REVIEW_WRITTEN),
    ),
    Listener("notifications.payout", payments_events.PayoutChanged, stream.tell_of_payout, LOCAL),
    Listener(
        "webhooks.payout", payments_events.PayoutChanged, webhooks_tasks.tell_of_payout, LOCAL
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
