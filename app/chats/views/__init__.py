"""Pages of conversations."""

from flask import Blueprint

blueprint = Blueprint("chats", __name__, url_prefix="/chats")

from app.chats.views import (  # noqa: E402,F401  # they add their routes to it
    inbox,
    links,
    moderating,
    settings,
    thread,
)
