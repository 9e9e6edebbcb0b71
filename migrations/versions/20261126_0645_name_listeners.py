"""Know listeners by names of their own, where rows of the outbox wait for them."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_0645_name_listeners"
down_revision = "20261125_index_shelves"
branch_labels = None
depends_on = None

NAMES = {
    "app.notifications.tasks.send_confirmation": "mail.confirm",
    "app.notifications.tasks.send_confirmation_again": "mail.confirm_again",
    "app.notifications.tasks.send_already_registered": "mail.already_registered",
    "app.notifications.tasks.send_password_reset": "mail.password_reset",
    "app.notifications.tasks.send_password_changed": "mail.password_changed",
    "app.notifications.tasks.send_refresh_token_reused": "mail.refresh_token_reused",
    "app.notifications.tasks.send_payout_changed": "mail.payout_changed",
    "app.notifications.tasks.send_delivered": "mail.delivered",
    "app.notifications.tasks.send_webhook_off": "mail.webhook_off",
    "app.orders.tasks.on_paypal_event": "orders.ask_paypal",
    "app.orders.tasks.deliver": "orders.deliver",
    "app.orders.tasks.empty_basket": "orders.empty_basket",
    "app.webhooks.tasks.tell_of_payment": "webhooks.order_paid",
    "app.webhooks.tasks.tell_of_delivery": "webhooks.order_delivered",
    "app.webhooks.tasks.tell_of_stock": "webhooks.stock_changed",
}


def upgrade() -> None:
    """Rename the listeners of rows that wait or are parked."""
    _rename(NAMES)


def downgrade() -> None:
    """Call them by the names of their handlers again."""
    _rename({after: before for before, after in NAMES.items()})


def _rename(names: dict[str, str]) -> None:
    statement = sa.text(
        "UPDATE outbox SET listener = :after WHERE listener = :before AND done_at IS NULL"
    )
    for before, after in names.items():
        op.get_bind().execute(statement, {"before": before, "after": after})
