"""GET /sdk/js: the script that puts the buttons on a shop's page, for the sandbox.

It offers `paypal.Buttons`, as PayPal's own does:
https://developer.paypal.com/sdk/js/reference/#buttons
"""

import json
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

from app.sandbox.money import CURRENCIES
from app.sandbox.state import sandbox
from app.sandbox.texts import translate

STATIC = Path(__file__).parent / "static"
LABELS = {
    "verb": "Pay with the",
    "mark": "sandbox",
    "note": "Test payment: no real money moves.",
    "waiting": "Waiting for the payment window",
    "again": "The payment needs another way to pay. Press the button again.",
}
BAD_REQUEST = 400

blueprint = Blueprint("sdk", __name__)


@blueprint.get("/sdk/js")
def script() -> Response:
    """The script, set up for the shop that asks; a comment with status 400 if it asks wrongly."""
    box = sandbox()
    currency = request.args.get("currency", "USD")
    if request.args.get("client-id") != box.config.client_id:
        return _refused("client-id not recognized")
    if currency not in CURRENCIES:
        return _refused("currency is not supported")
    if request.args.get("intent", "capture") != "capture":
        return _refused("only intent=capture is supported")
    language = "ru" if request.args.get("locale", "").lower().startswith("ru") else "en"
    settings = {
        "origin": box.config.public_url,
        "language": language,
        "css": _read("buttons.css"),
        "labels": {name: translate(language, text) for name, text in LABELS.items()},
    }
    # The settings stand in a JavaScript file, never in HTML, so JSON needs no further escaping.
    content = _read("sdk.js").replace("__SETTINGS__", json.dumps(settings), 1)
    answer = Response(content, content_type="text/javascript; charset=utf-8")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _refused(why: str) -> Response:
    return Response(f"/* {why} */", BAD_REQUEST, content_type="text/javascript; charset=utf-8")


@cache
def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
