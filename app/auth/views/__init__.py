"""Pages of people."""

from flask import Blueprint

blueprint = Blueprint("auth", __name__, url_prefix="/auth")

# They add their routes to it.
from app.auth.views import (  # noqa: E402
    account,  # noqa: F401
    login,  # noqa: F401
    mailed,  # noqa: F401
    passwords,  # noqa: F401
    registration,  # noqa: F401
    sessions,  # noqa: F401
)
