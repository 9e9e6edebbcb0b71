"""Sockets held and what each takes; messages at a rate; reading among many messages.

BENCH_SOCKETS says how many are held (1,000), BENCH_MESSAGES among how many is read (50,000). The
store is the embedded MongoDB, which a real one is many times faster than.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

import psutil
from flask import Flask
from websocket import create_connection

from app.auth.models import LoginSession, User
from app.chats.models import About, Conversation
from app.chats.store import conversations
from app.chats.store.connection import close_store
from app.embedded.processes import free_port, port_answers
from app.kit.crypto import new_token, token_hash
from app.kit.db import db_now, session, transactional
from app.kit.ids import new_id
from app.live import tickets
from app.live.policy import MAX_SOCKETS_OF_USER
from app.live.tickets import Pass
from bench import reading
from bench.figures import Figure, percentile
from bench.talking import Heard, Seat, talk
from tests.factories.auth import make_user
from tests.support.shop import ROOT, Shop

SOCKETS = int(os.environ.get("BENCH_SOCKETS", "1000"))
# One person may write 20 messages in 10 seconds: it takes 106 to write 200 in one.
LOADS = ((106, 20.0), (106, 200.0), (1000, 200.0))  # sockets, and messages a second
SECONDS = 6.0
MOST_KILOBYTES, MOST_MILLISECONDS = 60, 100
WARM_UP = 20  # sockets, before memory is looked at


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Measure all three."""
    _allow_files(2 * SOCKETS + 1000)
    shop.environment["CHAT_CONNECTIONS"] = str(SOCKETS + 1000)
    shop.start("chat")
    try:
        figures = [_held(application, shop)]
        for size, rate in LOADS:
            figures += _talked(application, shop, size, rate)
        with application.app_context():
            figures += reading.figures()
    finally:
        with application.app_context():
            close_store()
    return figures


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count), hard), hard))


def _held(application: Flask, shop: Shop) -> Figure:
    """Memory of the chat role's worker for each idle socket."""
    people = _people(application, -(-(SOCKETS + WARM_UP) // MAX_SOCKETS_OF_USER))
    passes = [person for person in people for _ in range(MAX_SOCKETS_OF_USER)]
    with ExitStack() as stack:

        def hold(holders: Sequence[Pass]) -> None:
            for holder in holders:
                address = _address(application, shop, holder)
                connection = create_connection(address, timeout=30, origin=shop.url)
                stack.callback(connection.shutdown)

        hold(passes[:WARM_UP])
        before = _memory(shop)
        hold(passes[WARM_UP : WARM_UP + SOCKETS])
        time.sleep(2)
        taken = (_memory(shop) - before) / SOCKETS / 1024
    return Figure(f"an idle socket, of {SOCKETS:,}", taken, "kB", at_most=MOST_KILOBYTES)


def _memory(shop: Shop) -> int:
    gunicorn = psutil.Process(shop.process_ids()["chat"])
    return sum(child.memory_info().rss for child in gunicorn.children(recursive=True))


def _people(application: Flask, count: int) -> list[Pass]:
    """So many people who are logged in."""
    with application.app_context():
        return _logged_in(make_user(), count)


@transactional
def _logged_in(first: User, count: int) -> list[Pass]:
    users = [
        User(
            id=new_id(),
            email=f"{uuid4().hex}@example.com",
            password_hash=first.password_hash,
            display_name=f"Talker {number}",
            roles=[],
            confirmed_at=db_now(),
        )
        for number in range(count)
    ]
    session().add_all(users)
    session().flush()
    logins = [
        LoginSession(id=new_id(), user_id=user.id, secret_hash=token_hash(new_token()), epoch=1)
        for user in users
    ]
    session().add_all(logins)
    return [Pass(login.user_id, login.id) for login in logins]


def _address(application: Flask, shop: Shop, holder: Pass) -> str:
    with application.app_context():
        ticket = tickets.issue(holder)
    return f"{shop.environment['LIVE_URL']}/live?ticket={ticket}"


def _talked(application: Flask, shop: Shop, size: int, rate: float) -> list[Figure]:
    people = _people(application, size)
    pairs = []
    for number in range(0, size, 2):
        conversation = _conversation(application, people[number], people[number + 1])
        pairs.append(
            (
                Seat(partial(_address, application, shop, people[number]), str(conversation)),
                Seat(partial(_address, application, shop, people[number + 1]), str(conversation)),
            )
        )
    ours = talk(pairs, rate=rate, seconds=SECONDS, origin=shop.url)
    with _echo() as address:
        seats = [
            (
                Seat(partial(str, f"{address}/{number}/0")),
                Seat(partial(str, f"{address}/{number}/1")),
            )
            for number in range(size // 2)
        ]
        bare = talk(seats, rate=rate, seconds=SECONDS, origin=shop.url)
    return list(_figures(size, rate, ours, bare))


def _figures(size: int, rate: float, ours: Heard, bare: Heard) -> Iterator[Figure]:
    if not ours.acknowledged or not ours.arrived:
        raise RuntimeError(f"nothing was acknowledged of {ours.sent}, {ours.refused} refused")
    yield Figure(
        f"{size:,} sockets, {rate:g} a second: acknowledged of {ours.sent:,}",
        len(ours.acknowledged),
        "messages",
    )
    for what, took, plain in (
        ("acknowledged", ours.acknowledged, bare.acknowledged),
        ("told to the other", ours.arrived, bare.arrived),
    ):
        for share in (0.5, 0.99):
            aim = MOST_MILLISECONDS if size == LOADS[0][0] and share > 0.5 else None
            value = percentile(took, share)
            yield Figure(
                f"{what}, p{share * 100:g}; echo {percentile(plain, share):.2f} ms",
                value,
                "ms",
                at_most=aim,
            )


def _conversation(application: Flask, buyer: Pass, seller: Pass) -> UUID:
    assert buyer.user_id is not None
    assert seller.user_id is not None
    with application.app_context():
        made = Conversation(
            id=uuid4(),
            about=About.PRODUCT,
            product_id=uuid4(),
            order_id=None,
            buyer_id=buyer.user_id,
            seller_id=seller.user_id,
            created_at=datetime.now(UTC),
        )
        conversations.make(made)
    return made.id


@contextmanager
def _echo() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.bare_socket", str(port)], cwd=ROOT)
    try:
        while not port_answers(port):
            time.sleep(0.05)
        yield f"ws://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
