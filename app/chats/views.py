"""Pages of conversations."""

from flask import Blueprint

blueprint = Blueprint("chats", __name__, url_prefix="/chats")
