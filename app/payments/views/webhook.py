"""PayPal's webhooks."""

import logging
from http import HTTPStatus

from flask import Response, request

from app.kit.access import Access, allow
from app.kit.bodies import MIB, takes
from app.kit.masks import protection
from app.payments.errors import BadSignature, CertificateUnavailable
from app.payments.service import inbound
from app.payments.views import blueprint

log = logging.getLogger(__name__)


@blueprint.post("/paypal/webhook")
@protection.exempt  # type: ignore[untyped-decorator]  # Flask-WTF has no types
@allow(Access.SIGNED)
@takes(MIB)
def paypal_webhook() -> Response:
    """Take in a webhook. The answers have no body: 200, 400 forged, 503 ask again."""
    try:
        headers = {name.upper(): value for name, value in request.headers}
        inbound.receive(headers=headers, body=request.get_data())
    except BadSignature as error:
        log.warning("forged webhook", extra={"reason": error.reason})
        return Response(status=HTTPStatus.BAD_REQUEST)
    except CertificateUnavailable:
        return Response(status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "30"})
    return Response(status=HTTPStatus.OK)
