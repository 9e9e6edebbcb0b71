"""Every route × every role: who gets in, who is sent to the login, who is refused, and nothing 5xx.

A new route without a row in its domain's `access.py` fails: whoever adds it says a second time who
may call it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from bs4 import BeautifulSoup
from flask import Flask, current_app
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule

from app.auth.models import LoginSession, User
from app.kit import jobs
from app.kit.access import Access, rule_of
from app.kit.db import session
from app.orders.models import Delivery
from app.products.models import StockBatch, StockItem
from tests.admin import access as admin
from tests.auth import access as auth
from tests.chats import access as chats
from tests.developers import access as developers
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.files import access as files
from tests.health import access as health
from tests.live import access as live
from tests.notifications import access as notifications
from tests.orders import access as orders
from tests.payments import access as payments
from tests.products import access as products
from tests.reviews import access as reviews
from tests.support.bought import delivered, placed
from tests.support.chats import say, talking
from tests.support.programs import Program, program_of
from tests.webhooks import access as webhooks

PUBLIC, USER, SELLER, STAFF, ADMIN, SIGNED = (
    Access.PUBLIC,
    Access.USER,
    Access.SELLER,
    Access.STAFF,
    Access.ADMIN,
    Access.SIGNED,
)
DOMAINS = (
    admin,
    auth,
    chats,
    developers,
    files,
    health,
    live,
    notifications,
    orders,
    payments,
    products,
    reviews,
    webhooks,
)
RULES = {"static": PUBLIC} | {
    endpoint: access for domain in DOMAINS for endpoint, access in domain.RULES.items()
}
OPEN_TO_STRANGERS = frozenset().union(
    *(domain.OPEN_TO_STRANGERS for domain in (admin, chats, files, orders, products, reviews))
)
# What only a request with a good body gets as far as to look for; tests/api asks with good ones.
API = "/api/"
# And this leads to the login when it has done what it was asked for.
ENDS_THERE = {"auth.logout_everywhere"}
ROLES: dict[str, tuple[str, ...]] = {
    "anonymous": (),
    "buyer": (),
    "seller": ("seller",),
    "moderator": ("moderator",),
    "admin": ("admin",),
}
MAY = {
    PUBLIC: set(ROLES),
    SIGNED: set(ROLES),
    USER: set(ROLES) - {"anonymous"},
    SELLER: {"seller"},
    STAFF: {"moderator", "admin"},
    ADMIN: {"admin"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
JSON = {"Accept": "application/json"}
# Guests and sellers are refused in pages; the others in JSON, for which nothing is drawn.
REFUSED_IN_PAGES = {"anonymous", "seller"}
# What arguments that are no UUIDs may be.
WORDS = {
    "token": "no-such-token",
    "seq": 1,
    "on": 1,
    "slug": "no-such-slug",
    "start": UUID(int=0),
    "size": 640,
    "role": "moderator",
    "act": "book_and_deliver",
    "name": "no-such-name",
    "filename": "css/base.css",
}

Login = Callable[..., FlaskClient]


@dataclass
class Person:
    """Somebody at a browser."""

    name: str
    user: User | None
    login: Login
    browser: FlaskClient
    program: Program | None = None

    def ask(self, method: str, path: str, **options: object):  # type: ignore[no-untyped-def]
        """Send a request; logs in again where it has ended the session."""
        if path.startswith(API):
            response = self._call(method, path, **options)
        else:
            response = self.browser.open(path, method=method, **options)
        may_have_ended = self.user and method == "POST" and "/auth/" in path
        if may_have_ended and self.browser.get("/auth/profile").status_code != 200:
            jobs.redis().flushdb()  # what a matrix of wrong passwords has used up
            self.browser = self.login(self.user)
        return response

    def _call(self, method: str, path: str, **options: object):  # type: ignore[no-untyped-def]
        """Send a request as the person's program; its token may be over once it changed a login."""
        if self.user is None:
            return self.browser.open(path, method=method, **options)
        if self.program is None:
            session().rollback()
            user = session().get_one(User, self.user.id, populate_existing=True)
            self.program = program_of(current_app._get_current_object(), user)
        response = self.program.ask(method, path.removeprefix("/api/v1"), **options)
        if "/auth/" in path:
            self.program = None
        return response


@pytest.fixture(params=ROLES)
def person(request: pytest.FixtureRequest, app: Flask, login: Login) -> Person:
    """One of each role."""
    name: str = request.param
    if name == "anonymous":
        return Person(name, None, login, app.test_client())
    user = make_user(roles=ROLES[name])
    return Person(name, user, login, login(user))


@pytest.fixture
def strangers(app: Flask) -> list[dict[str, UUID]]:
    """The ids of what belongs to others, by the names that routes give them."""
    seller, buyer = make_user(roles=("seller",)), make_user()
    product = make_product(seller, stock=("KEY-1", "KEY-2", "KEY-3"))
    talk = talking(make_user(), seller)
    bought = delivered(buyer, {product.id: 1})
    open_order = placed(buyer, {product.id: 1})
    app.test_client().post(
        "/auth/login", data={"email": buyer.email, "password": "correct-horse-battery"}
    )
    common = {
        "product_id": product.id,
        "seller_id": seller.id,
        "session_id": _one(select(LoginSession.id).where(LoginSession.user_id == buyer.id)),
        "delivery_id": _one(select(Delivery.id)),
        "batch_id": _one(select(StockBatch.id)),
        "unit_id": _one(select(StockItem.id).where(StockItem.state == "free")),
        "upload_id": uuid4(),
        "photo_id": uuid4(),
        "conversation_id": talk.id,
        "message_id": say(talk, talk.seller).id,
    }
    return [{**common, "order_id": bought}, {**common, "order_id": open_order}]


def _one(query) -> UUID:  # type: ignore[no-untyped-def]
    found: UUID = session().scalars(query).first()
    return found


def _whose(rule: Rule, strangers: list[dict[str, UUID]]) -> list[dict[str, UUID]]:
    """The ids to call a route with: nobody's, and each stranger's that makes a difference."""
    if not rule.arguments:
        return [{}]
    return [{}, *(strangers if "order_id" in rule.arguments else strangers[:1])]


def _argument(rule: Rule, name: str, ids: dict[str, UUID]) -> object:
    if name.endswith("_id"):
        return ids.get(name, uuid4())
    return min(getattr(rule._converters[name], "items", ()), default=WORDS.get(name))


def _address(app: Flask, rule: Rule, ids: dict[str, UUID]) -> str:
    arguments: dict[str, object] = {name: _argument(rule, name, ids) for name in rule.arguments}
    with app.test_request_context():
        return app.url_map.bind("localhost").build(rule.endpoint, arguments)


def _routes(app: Flask) -> Iterator[Rule]:
    """Those that speak HTTP."""
    rules = (rule for rule in app.url_map.iter_rules() if not rule.websocket)
    yield from sorted(rules, key=lambda rule: rule.endpoint)


def test_table_and_routes_are_the_same(app: Flask) -> None:
    stated = {rule.endpoint: rule_of(rule.endpoint) for rule in app.url_map.iter_rules()}
    assert stated == RULES


def test_socket_is_no_page(person: Person) -> None:
    for method in METHODS:
        assert 400 <= person.ask(method, "/live").status_code < 500


def test_every_route_answers_everybody_as_the_table_says(
    app: Flask, person: Person, strangers: list[dict[str, UUID]]
) -> None:
    headers = {} if person.name in REFUSED_IN_PAGES else JSON
    wrong: list[str] = []
    for rule in _routes(app):
        access = RULES.get(rule.endpoint, ADMIN)
        whose = _whose(rule, strangers)
        for ids in whose:
            path = _address(app, rule, ids)
            methods = (rule.methods or set()) - {"HEAD"}  # a GET to Flask
            if ids is not whose[0]:
                methods.discard("OPTIONS")  # is answered by the route alone
            for method in sorted(methods):
                response = person.ask(method, path, headers=headers)
                problem = _problem(rule, access, person, ids, response)
                response.close()
                if problem:
                    wrong.append(f"{method} {path} ({rule.endpoint}): {problem}")
    assert wrong == []


def _problem(rule, access, person, ids, response) -> str | None:  # type: ignore[no-untyped-def]
    status = response.status_code
    seen = f"{status} {response.headers.get('Location', '')}"
    is_sent_to_login = status == 303 and "/auth/login" in seen
    if status >= 500:
        return seen
    if response.request.method == "OPTIONS":
        return None
    is_program = rule.rule.startswith(API)
    if person.name not in MAY[access]:
        is_right = is_sent_to_login or (is_program and status == 401)
        is_right = is_right if person.name == "anonymous" else status == 403
        return None if is_right else f"{seen}: got past the rule"
    is_refused = is_sent_to_login and access is not PUBLIC and rule.endpoint not in ENDS_THERE
    if status in {401, 403} or is_refused:
        return f"{seen}: refused, though it may"
    # Of programs the body comes first; and administrators find what is others'.
    is_early = is_program and (status in {415, 428} or access is ADMIN)
    has_id = any(name.endswith("_id") for name in rule.arguments) and not is_early
    if has_id and status != 404 and not (ids and rule.endpoint in OPEN_TO_STRANGERS):
        whose = "a stranger's" if ids else "nobody's"
        return f"{seen}: not 404 for what is {whose}"
    return None


def test_programs_are_told_by_status(app: Flask) -> None:
    browser = app.test_client()
    wrong = []
    for rule in _routes(app):
        if RULES.get(rule.endpoint, ADMIN) in {PUBLIC, SIGNED}:
            continue
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            response = browser.open(_address(app, rule, {}), method=method, headers=JSON)
            if response.status_code != 401 or response.mimetype != "application/problem+json":
                wrong.append(f"{method} {rule.rule}: {response.status_code} {response.mimetype}")
    assert wrong == []


BODIES: list[dict[str, object]] = [
    {"data": {}},
    {"json": []},
    {"json": {"product_id": [], "quantity": {}, "checkout_key": "\ud800"}},
    {"data": b"{", "content_type": "application/json"},
    {"data": b"\xff\xfe=%00&a=%ff", "content_type": "application/x-www-form-urlencoded"},
    {"data": b"--x\r\n", "content_type": "multipart/form-data; boundary=x"},
    {"data": {"next": "//evil.example", "locale": "\N{NULL}", "email": "a@b.c\N{NULL}",
              "password": "\N{NULL}", "product_id": "1", "quantity": "9" * 40,
              "checkout_key": "x", "text": "\N{NULL}", "display_name": "\N{NULL}" * 500}},
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_no_body_brings_a_route_down(
    app: Flask, login: Login, strangers: list[dict[str, UUID]], body: dict[str, object]
) -> None:
    user = make_user(roles=("seller", "moderator", "admin"))
    everything = Person("seller", user, login, login(user))
    wrong = []
    for rule in _routes(app):
        for ids in _whose(rule, strangers):
            path = _address(app, rule, ids)
            for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
                response = everything.ask(method, path, **body)
                if response.status_code >= 500:
                    wrong.append(f"{method} {path}: {response.status_code}")
                location = response.headers.get("Location", "/")
                if not location.startswith("/") or location.startswith("//"):
                    wrong.append(f"{method} {path}: leads to {location}")
                response.close()
    assert wrong == []


QUERIES = [
    "?page=-1&cursor=%00&q=%00&sort=%27&price_min=1e99&price_max=x&category=%ff&next=//evil.example",
    "?cursor=" + "A" * 3000,
    "?q=" + "%F0%9F%98%80" * 100 + "&kind=nothing&in_stock=2&kind=key&kind=%5B%5D",
    "?" + "&".join(f"a{number}=1" for number in range(300)),
]


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_brings_a_page_down(
    app: Flask, login: Login, strangers: list[dict[str, UUID]], query: str
) -> None:
    user = make_user(roles=("seller", "moderator", "admin"))
    everything = Person("seller", user, login, login(user))
    wrong = []
    for rule in _routes(app):
        if "GET" not in (rule.methods or ()):
            continue
        for ids in _whose(rule, strangers):
            path = _address(app, rule, ids) + query
            for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
                response = everything.ask("GET", path, headers=headers)
                if response.status_code >= 500:
                    wrong.append(f"{path}: {response.status_code}")
                response.close()
    assert wrong == []


def test_every_change_asks_for_the_forms_token(
    application: Flask, login: Login, app: Flask
) -> None:
    user = make_user(roles=("seller", "moderator", "admin"))
    browser = login(user)
    application.config["WTF_CSRF_ENABLED"] = True
    try:
        taken = [
            rule.endpoint
            for rule in _routes(app)
            for method in set(rule.methods or ()) - {"GET", "HEAD", "OPTIONS"}
            if not rule.rule.startswith(API)
            and browser.open(_address(app, rule, {}), method=method).status_code != 403
        ]
    finally:
        application.config["WTF_CSRF_ENABLED"] = False
    assert taken == [name for name, access in RULES.items() if access is SIGNED]


SHOW_THE_FORM_AGAIN = {
    "auth.change_paypal_email",
    "auth.log_in",
    "auth.logout",
    "auth.make_account",
    "auth.replace_password",
    "auth.reset_password",
    "auth.send_confirmation_again",
    "auth.send_reset",
    "auth.set_locale",
    "auth.start_selling",
    "auth.update_profile",
    "developers.create_key",
    "orders.open_claim",
    "orders.refund_sale",
    "products.create_product",
    "products.import_stock",
    "products.save",
    "reviews.save",
    "webhooks.change",
    "webhooks.create",
}


def test_an_outdated_token_is_told_of_where_the_words_are_and_changes_nothing(
    application: Flask, login: Login, app: Flask, query_counter: list[str]
) -> None:
    seller = make_user(roles=("seller",))
    product = make_product(seller)
    browser = login(seller)
    application.config["WTF_CSRF_ENABLED"] = True
    query_counter.clear()
    try:
        statuses = {
            rule.endpoint: browser.post(
                _address(app, rule, {"product_id": product.id}),
                headers={"Sec-Fetch-Site": "same-origin"},
            ).status_code
            for rule in _routes(app)
            if "POST" in (rule.methods or ())
            and not rule.rule.startswith(API)
            and RULES[rule.endpoint] is not SIGNED
        }
    finally:
        application.config["WTF_CSRF_ENABLED"] = False
    assert {name for name, status in statuses.items() if status != 403} == SHOW_THE_FORM_AGAIN
    # Who is in already goes on; the others of these lead to a page whose buttons count.
    led = {"auth.log_in", "auth.logout", "auth.set_locale"}
    assert {statuses.pop(name) for name in led} == {303}
    assert browser.get("/auth/profile").status_code == 200
    assert set(statuses.values()) == {403, 404, 410, 422}
    assert [sent for sent in query_counter if not sent.startswith(("SELECT", "WITH"))] == []


def test_unknown_addresses_are_404_for_everybody(person: Person) -> None:
    for path in ("/nothing", "/order/nothing", "/products/nothing", "/api/v1/x", "/.env"):
        for method in METHODS:
            assert person.ask(method, path).status_code == 404


def test_a_browsers_login_is_nothing_to_the_api(app: Flask, login: Login) -> None:
    """So that no page of another site can use it, though the API asks for no form's token."""
    browser = login(make_user(roles=("seller", "moderator", "admin")))
    statuses = {
        (rule.endpoint, method): browser.open(_address(app, rule, {}), method=method).status_code
        for rule in _routes(app)
        if rule.rule.startswith(API) and RULES[rule.endpoint] is not PUBLIC
        for method in set(rule.methods or ()) - {"OPTIONS"}
    }
    assert len(statuses) > 40
    assert set(statuses.values()) == {401}


def test_whatever_a_form_is_refused_for_leads_back_to_its_page(app: Flask, login: Login) -> None:
    browser = login(make_user(roles=("seller",)))
    made_on = "/developers?from=here"
    lost = []
    for rule in _routes(app):
        if "POST" not in (rule.methods or ()) or rule.rule.startswith(API):
            continue
        if RULES[rule.endpoint] is SIGNED or rule.endpoint in ENDS_THERE:
            continue
        path = _address(app, rule, {})
        answer = browser.post(path, headers={"Referer": f"http://localhost{made_on}"})
        page = BeautifulSoup(answer.text, "html.parser")
        leads_back = page.select_one(f'main a[href="{made_on}"], main form, #basket')
        if answer.status_code >= 400 and not leads_back:
            lost.append(f"{path}: {answer.status_code}")
    assert lost == []
