"""Live updates: the ticket, on the `web` role, and the socket, on the `chat` role."""

import json
import logging
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.exceptions import RedisError
from simple_websocket import ConnectionClosed, Server
from sqlalchemy.exc import SQLAlchemyError
from wsproto.events import CloseConnection
from wsproto.utilities import LocalProtocolError

from app.auth import identity
from app.auth.gate import gate
from app.extensions import sock
from app.kit import ratelimit
from app.kit.access import Access, allow
from app.kit.db import end_read
from app.kit.errors import AppError, Unavailable
from app.kit.headers import no_store
from app.kit.live.publishing import user_topic
from app.kit.live.subscription import News
from app.kit.requests import network
from app.live import policy, reading, tickets
from app.live.broker import Listener, Said, broker
from app.live.errors import Close
from app.live.tickets import Pass

log = logging.getLogger(__name__)
blueprint = Blueprint("live", __name__, url_prefix="/live")
sockets = Blueprint("sockets", __name__)

TICKET_LIMIT = "60/minute"
RECHECK_SECONDS = 30
PATIENCE_SECONDS = 10
FAREWELL_SECONDS = 2
HEARD_SECONDS = 2  # until the first socket of a process has Redis listened to
SAID_AT_MOST = 100  # messages of a page in
SAID_WITHIN = 10  # seconds
MAX_TOPIC = 80  # characters
MAX_NAME = 64  # characters
MAX_FIELDS = 20
LOOPBACK = {"127.0.0.1", "localhost"}


class Message(BaseModel):
    """What a page may say: that it watches these topics too, or what it wants done.

    `id` is what the page calls its request; the answer has it.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    subscribe: list[str] = Field([], max_length=policy.MAX_TOPICS)
    act: str | None = Field(None, max_length=MAX_NAME)
    id: str = Field("", max_length=MAX_NAME)
    body: dict[str, Any] = Field({}, max_length=MAX_FIELDS)


class Ended(Exception):
    """The socket has to be closed, for the reason that the code names."""

    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code


@blueprint.post("/ticket")
@allow(Access.PUBLIC)
def ticket() -> ResponseReturnValue:
    """Give the page a ticket for its socket: {"ticket"}; 503 while Redis can't be reached."""
    no_store()
    holder = Pass()
    if current_user.is_authenticated:
        holder = Pass(current_user.id, identity.current_session_id())
    asker = f"user:{holder.user_id}" if holder.user_id else f"guest:{network()}"
    ratelimit.spend(TICKET_LIMIT, "live-ticket", asker)
    end_read()
    return jsonify(ticket=tickets.issue(holder))


@sockets.before_request
def _uncompressed() -> None:
    """Agree on no compression: it takes some 300 kB of each socket, for words of a line."""
    request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)


@sock.route("/live", bp=sockets)  # type: ignore[untyped-decorator]  # flask-sock has no types
@allow(Access.PUBLIC)
def live(connection: Server) -> None:
    """Send a page the news of what it watches, until it leaves or its login ends."""
    try:
        holder = _admit()
        with _joined(connection, holder) as listener:
            _serve(connection, listener, holder)
    except Ended as end:
        _close(connection, end.code)
    except (ConnectionClosed, OSError):
        pass
    except (SQLAlchemyError, RedisError, Unavailable) as error:
        log.warning("socket closed, a store can't be reached", extra={"error": str(error)})
        _close(connection, Close.TRY_AGAIN)
    finally:
        connection.event.hear(connection, reading.pass_over)
        _cut(connection)  # whoever reads it comes to the end, too


def _admit() -> Pass:
    if not is_our_page(request.headers.get("Origin"), current_app.config["PUBLIC_URL"]):
        raise Ended(Close.FOREIGN_ORIGIN)
    holder = tickets.redeem(request.args.get("ticket", ""))
    if holder is None:
        raise Ended(Close.UNAUTHENTICATED)
    _check_login(holder)
    return holder


def is_our_page(origin: str | None, public_url: str) -> bool:
    """Whether a page of this origin is the shop's own; a loopback address has several names."""
    ours = urlsplit(public_url)
    names = LOOPBACK if ours.hostname in LOOPBACK else {ours.hostname}
    port = f":{ours.port}" if ours.port else ""
    return origin in {f"{ours.scheme}://{name}{port}" for name in names}


def _check_login(holder: Pass, *, fresh: bool = False) -> None:
    """Insist that the login has not ended since the ticket; holds no connection afterwards.

    `fresh`: it was said that it may have ended, or that may have been said unheard.
    """
    if holder.user_id is None:
        return
    proof = holder.session_id and gate().validate_session(holder.session_id, fresh=fresh)
    if not proof or proof.person.id != holder.user_id:
        raise Ended(Close.UNAUTHENTICATED)


@contextmanager
def _joined(connection: Server, holder: Pass) -> Iterator[Listener]:
    """The socket as one of the broker's, which gets what the page says into its inbox."""
    user_id = holder.user_id
    listener = Listener(
        owner=f"user:{user_id}" if user_id else f"guest:{network()}",
        drop=lambda: _cut(connection),
    )
    at_most = policy.MAX_SOCKETS_OF_USER if user_id else policy.MAX_SOCKETS_OF_ADDRESS
    if not broker().join(listener, at_most=at_most):
        raise Ended(Close.TOO_MANY)
    try:
        if user_id is not None:
            broker().watch(listener, user_topic(user_id))
        connection.event.hear(connection, partial(_hear, listener))
        yield listener
    finally:
        listener.inbox.close()  # or what can't be put in would hold up the farewell
        broker().leave(listener)


def _hear(listener: Listener, said: str | bytes | None) -> None:
    """Put what the page says into the inbox; when that stays full, the page is cut off."""
    if not listener.inbox.put(Said(said), patience=PATIENCE_SECONDS):
        listener.drop()


def _serve(connection: Server, listener: Listener, holder: Pass) -> None:
    own = user_topic(holder.user_id) if holder.user_id else None
    check_at = time.monotonic() + RECHECK_SECONDS
    said: list[float] = []
    while True:
        item = listener.inbox.next(max(0.0, check_at - time.monotonic()))
        if time.monotonic() >= check_at:
            _check_login(holder, fresh=True)
            check_at = time.monotonic() + RECHECK_SECONDS
        match item:
            case News(topic=topic) if topic == own:
                _check_login(holder, fresh=True)
            case News(topic=topic, event=event):
                connection.send(json.dumps({"topic": topic, "event": event}))
            case Said(text=None):
                return
            case Said(text=text):
                said = _spend(said)
                for answer in _answers(listener, holder, text):
                    connection.send(json.dumps(answer))
            case _:
                pass


def _spend(said: list[float]) -> list[float]:
    """The times of the latest messages with this one; Ended if they come too fast."""
    now = time.monotonic()
    recent = [*(moment for moment in said if moment > now - SAID_WITHIN), now]
    if len(recent) > SAID_AT_MOST:
        raise Ended(Close.TOO_MANY)
    return recent


def _answers(listener: Listener, holder: Pass, text: Any) -> Iterator[dict[str, Any]]:
    """What the page hears of what it has said; what can't be read is passed over."""
    try:
        message = Message.model_validate_json(text)
    except ValidationError:
        return
    if message.act is not None:
        for told in _done(holder, message.act, message.body):
            yield {"id": message.id, **told}
    elif watched := _subscribe(listener, holder, message.subscribe):
        yield {"subscribed": watched}


def _done(holder: Pass, name: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Do what the page wants: `{"done": …}`, or `{"refused": code, "detail": words}`.

    What follows is done once the page has its answer.
    """
    act = policy.act_of(name)
    if act is None or holder.user_id is None:
        yield {"refused": "unknown_act", "detail": ""}
        return
    try:
        done = act(holder.user_id, body)
    except AppError as error:
        yield {"refused": error.code, "detail": str(error.message), "kind": error.kind.value}
        return
    finally:
        end_read()
    yield {"done": dict(done.answer)}
    try:
        done.follow()
    except AppError as error:
        log.warning("left for later", extra={"act": name, "code": error.code})
    finally:
        end_read()


def _subscribe(listener: Listener, holder: Pass, wanted: Sequence[str]) -> list[str]:
    """Watch what the page may watch; which of it is watched now, all news of it being heard.

    What the page may not watch is passed over.
    """
    at_most = policy.MAX_TOPICS + (1 if holder.user_id else 0)  # a user's own is not the page's
    for topic in wanted:
        if len(listener.topics) >= at_most:
            break
        if len(topic) > MAX_TOPIC or topic in listener.topics:
            continue
        if policy.may_watch(holder.user_id, topic):
            broker().watch(listener, topic)
    end_read()
    if not broker().is_heard(HEARD_SECONDS):
        return []  # once it is, the broker tells every page to look
    return [topic for topic in wanted if topic in listener.topics]


def _close(connection: Server, code: Close) -> None:
    """Say farewell, and read on until the page has answered.

    A connection that is closed with words in it unread is reset, and the farewell is lost with it
    (RFC 9293, section 3.10.4; RFC 6455, section 7.1.1).
    """
    connection.event.hear(connection, reading.pass_over)
    with suppress(LocalProtocolError, OSError):
        connection.sock.send(connection.ws.send(CloseConnection(code, code.name.lower())))
        connection.thread.join(FAREWELL_SECONDS)


def _cut(connection: Server) -> None:
    """End the connection below the protocol: nobody there reads a farewell."""
    with suppress(OSError):
        connection.sock.shutdown(socket.SHUT_RDWR)
