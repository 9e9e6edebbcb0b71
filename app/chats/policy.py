"""Who may watch what, and how much of it."""

from uuid import UUID

from app.orders.queries.purchases import is_buyer

MAX_TOPICS = 50  # on one socket
MAX_SOCKETS_OF_USER = 5  # in one process
MAX_SOCKETS_OF_ADDRESS = 20  # of guests, in one process


def may_watch(user_id: UUID | None, topic: str) -> bool:
    """`product:<id>` is for everybody, `order:<id>` for its buyer; anything else for nobody."""
    kind, _colon, name = topic.partition(":")
    try:
        ident = UUID(name)
    except ValueError:
        return False
    if str(ident) != name:
        return False  # one spelling, the one that is published
    match kind:
        case "product":
            return True
        case "order":
            return user_id is not None and is_buyer(user_id=user_id, order_id=ident)
        case _:
            return False
