"""The payment window: a demo payer looks at the order and says yes or no.

Two ways lead here, as at PayPal: a window that the button opened, which tells the page below what
became of it, and a redirect, which comes back to the shop's `return_url` or `cancel_url`.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import orders
from app.sandbox.errors import PaypalError
from app.sandbox.payers import PAYER_TEXTS, PAYERS, Payer
from app.sandbox.state import sandbox
from app.sandbox.texts import LANGUAGES, amount, translate
from app.sandbox.validation import origin

blueprint = Blueprint("checkout", __name__)


@dataclass(frozen=True)
class Visit:
    """Where this window came from, and in what language it speaks."""

    token: str
    popup: bool
    origin: str
    locale: str

    @classmethod
    def read(cls) -> "Visit":
        """From the query or the form."""
        return cls(
            request.values.get("token", ""),
            request.values.get("flow") == "popup",
            origin(request.values.get("origin", "")),
            request.values.get("locale", ""),
        )

    def fields(self) -> dict[str, str]:
        """What must be handed on from page to page."""
        fields = {"token": self.token, "locale": self.locale}
        if self.popup:
            fields |= {"flow": "popup", "origin": self.origin}
        return {name: value for name, value in fields.items() if value}


def _language(visit: Visit, order: dict[str, Any] | None) -> str:
    asked = visit.locale or (order or {}).get("context", {}).get("locale", "")
    if asked:
        return "ru" if asked.lower().startswith("ru") else "en"
    return request.accept_languages.best_match(LANGUAGES) or "en"


def _page(
    template: str, visit: Visit, order: dict[str, Any] | None, status: int = 200, **values: Any
) -> Response:
    language = _language(visit, order)
    html = render_template(
        template,
        visit=visit,
        order=order,
        language=language,
        _=lambda text, **names: translate(language, text, **names),
        amount=lambda money: amount(language, money),
        link=lambda **more: f"{url_for('checkout.window')}?{urlencode(visit.fields() | more)}",
        **values,
    )
    answer = make_response(html, status)
    # The form's answer may lead on to the shop, which the policy must allow by name.
    context = (order or {}).get("context", {})
    shops = {origin(context.get(name, "")) for name in ("return_url", "cancel_url")}
    targets = " ".join(["'self'", *sorted(shops - {""})])
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@blueprint.get("/checkoutnow/loading")
def loading() -> Response:
    """What the window shows until the shop has made its order."""
    return _page("checkout/loading.html", Visit.read(), None)


@blueprint.get("/checkoutnow")
def window() -> Response:
    """The order, and who pays it."""
    box, visit = sandbox(), Visit.read()
    try:
        with box.storage.transaction() as db:
            order = orders.find(db, visit.token)
    except PaypalError:
        return _page("checkout/ended.html", visit, None, 404, text="There is no such order.")
    if order["status"] == "COMPLETED":
        return _paid_already(visit, order)
    payer = PAYERS.get(request.args.get("payer", ""))
    template = "checkout/review.html" if payer else "checkout/payers.html"
    return _page(
        template,
        visit,
        order,
        payer=payer,
        payers=PAYERS.values(),
        payer_texts=PAYER_TEXTS,
        declined="declined" in request.args,
        merchant=order["context"].get("brand_name", box.config.merchant_name),
    )


@blueprint.post("/checkoutnow")
def decide() -> AnyResponse:
    """The payer pays, pays with a card that fails, or cancels."""
    visit = Visit.read()
    action, payer = request.form.get("action"), PAYERS.get(request.form.get("payer", ""))
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            order = orders.find(db, visit.token)
            if order["status"] == "COMPLETED":
                return _paid_already(visit, order)
            if action != "cancel" and payer:
                orders.approve(
                    db, box, visit.token, payer, decline_next=action == "approve_declined"
                )
    except PaypalError:
        return _page("checkout/ended.html", visit, None, 404, text="There is no such order.")
    box.dispatcher.nudge()
    approving = action != "cancel" and payer is not None
    back = _back(order, payer if approving else None)
    if back and not visit.popup:
        return redirect(back, 303)
    return _page(
        "checkout/ended.html",
        visit,
        order,
        text=(
            "Finishing your payment with the shop…"
            if approving
            else "You cancelled the payment. Nothing was paid."
        ),
        told="approved" if approving else "cancelled",
        payer=payer,
        back=back,
    )


def _paid_already(visit: Visit, order: dict[str, Any]) -> Response:
    """For a payer who comes back here after paying: the way to the shop, where it goes on."""
    return _page(
        "checkout/ended.html",
        visit,
        order,
        text="This order has already been paid.",
        back=_back(order, PAYERS[order["payer"]]),
    )


def _back(order: dict[str, Any], payer: Payer | None) -> str | None:
    """The shop's address for a payer who approved, or for one who did not; None if it gave none."""
    url: str | None = order["context"].get("return_url" if payer else "cancel_url")
    if not url:
        return None
    parts = urlsplit(url)
    added = {"token": order["id"]} | ({"PayerID": payer.payer_id} if payer else {})
    query = "&".join(part for part in (parts.query, urlencode(added)) if part)
    return urlunsplit(parts._replace(query=query))
