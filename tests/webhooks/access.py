"""Who may call the routes of webhooks."""

from app.kit.access import Access

RULES = {
    "webhooks.change": Access.SELLER,
    "webhooks.create": Access.SELLER,
    "webhooks.delete": Access.SELLER,
    "webhooks.endpoint": Access.SELLER,
    "webhooks.index": Access.SELLER,
    "webhooks.rotate_secret": Access.SELLER,
    "webhooks.send_again": Access.SELLER,
    "webhooks.send_test": Access.SELLER,
    "webhooks.switch_off": Access.SELLER,
    "webhooks.switch_on": Access.SELLER,
    "webhooks_api.change": Access.SELLER,
    "webhooks_api.create": Access.SELLER,
    "webhooks_api.delete": Access.SELLER,
    "webhooks_api.get_endpoint": Access.SELLER,
    "webhooks_api.list_endpoints": Access.SELLER,
    "webhooks_api.list_messages": Access.SELLER,
    "webhooks_api.send_again": Access.SELLER,
    "webhooks_api.send_test": Access.SELLER,
    "webhooks_api.switch_off": Access.SELLER,
    "webhooks_api.switch_on": Access.SELLER,
}
