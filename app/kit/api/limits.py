"""How often the API may be asked, said in every answer.

https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-07
"""

from flask import Flask, Response, current_app, g, request

from app.kit import ratelimit
from app.kit.crypto import token_hash
from app.kit.requests import is_api, network

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_KEYS_BEHIND_ADDRESS = 5  # programs of one office, each with a key of its own


def init_app(app: Flask) -> None:
    """Count each request of the API, before who asks is looked up."""
    app.before_request(_count)
    app.after_request(_tell)


def _count() -> None:
    if not is_api():
        return
    most: int = current_app.extensions["settings"].api_requests_per_minute
    place = network()
    proof = request.headers.get("Authorization")
    if proof:
        ratelimit.spend(f"{most * _KEYS_BEHIND_ADDRESS}/minute", "api-address", place)
    key = token_hash(proof).hex() if proof else place
    g.api_quota = (f"{most}/minute", "api", key)
    ratelimit.spend(*g.api_quota)


def _tell(response: Response) -> Response:
    if "api_quota" in g:
        left = ratelimit.left(*g.api_quota)
        told = (left.limit, left.remaining, left.reset_seconds)
        response.headers.update({name: str(n) for name, n in zip(HEADERS, told, strict=True)})
    return response
