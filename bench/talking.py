"""Pairs of sockets that write to each other at a steady rate, and when what they said arrived."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

LONGEST_WAIT = 20.0  # seconds for what is still on its way at the end
MESSAGE = "message:"


@dataclass(frozen=True)
class Seat:
    """Where one of a pair connects, and what it watches and writes in."""

    address: Callable[[], str]  # made when it is needed: a ticket is good for half a minute
    conversation: str = ""

    def frame(self, name: str) -> str:
        """A message of its own."""
        body = {"conversation": self.conversation, "client_id": name, "text": f"Hello, {name}"}
        return json.dumps({"act": "chat.send", "id": name, "body": body})


@dataclass
class Heard:
    """Milliseconds from each message to its acknowledgement, and to the other one of the pair."""

    sent: int = 0
    refused: int = 0
    acknowledged: list[float] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _is_written: bool = False

    def end(self) -> None:
        """All is written: it is over once all is answered."""
        self._is_written = True
        self.look()

    def look(self) -> None:
        """See whether it is over."""
        if self._is_written and self.sent == self.refused + len(self.acknowledged):
            self.over.set()


@dataclass
class _Talker:
    connection: ClientConnection
    seat: Seat
    heard: Heard
    began: dict[str, float] = field(default_factory=dict)
    # When the other one was told of a message, by what the server calls it; and what it is called.
    told: dict[str, float] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    async def write(self) -> None:
        name = str(uuid4())
        self.began[name] = time.perf_counter()
        self.heard.sent += 1
        await self.connection.send(self.seat.frame(name))

    async def listen(self) -> None:
        with suppress(ConnectionClosed):
            await self._listen()

    async def _listen(self) -> None:
        async for text in self.connection:
            now, told = time.perf_counter(), json.loads(text)
            if "event" in told:
                self.told.setdefault(told["event"], now)
            elif "done" in told:
                self.heard.acknowledged.append((now - self.began[told["id"]]) * 1000)
                number = told["done"]["seq"]
                self.names[told["id"]] = f"{MESSAGE}{number}" if number else told["id"]
            elif "refused" in told:
                self.heard.refused += 1
            self.heard.look()

    def note_arrivals(self, other: "_Talker") -> None:
        for name, known_as in self.names.items():
            if known_as in other.told:
                self.heard.arrived.append((other.told[known_as] - self.began[name]) * 1000)


def talk(pairs: Sequence[tuple[Seat, Seat]], *, rate: float, seconds: float, origin: str) -> Heard:
    """Have all write in turn, so many messages a second together."""
    return asyncio.run(_talk(pairs, rate, seconds, origin))


async def _talk(
    pairs: Sequence[tuple[Seat, Seat]], rate: float, seconds: float, origin: str
) -> Heard:
    heard = Heard()
    async with AsyncExitStack() as stack:
        talkers: list[_Talker] = []
        for seat in (one for pair in pairs for one in pair):
            connection = await stack.enter_async_context(
                connect(seat.address(), origin=origin, ping_interval=None, compression=None)  # type: ignore[arg-type]
            )
            if seat.conversation:
                topics = [f"chat:{seat.conversation}"]
                await connection.send(json.dumps({"subscribe": topics}))
                await connection.recv()
            talkers.append(_Talker(connection, seat, heard))
        listening = [asyncio.create_task(talker.listen()) for talker in talkers]
        await _write(talkers, rate, seconds)
        heard.end()
        with suppress(TimeoutError):
            await asyncio.wait_for(heard.over.wait(), LONGEST_WAIT)
        for task in listening:
            task.cancel()
        for talker in talkers:  # no farewells: who is busy would be waited for, one after the other
            talker.connection.transport.abort()
    for first, second in zip(talkers[::2], talkers[1::2], strict=True):
        first.note_arrivals(second)
        second.note_arrivals(first)
    return heard


async def _write(talkers: Sequence[_Talker], rate: float, seconds: float) -> None:
    began = time.perf_counter()
    for number, talker in enumerate(cycle(talkers)):
        due = number / rate
        if due >= seconds:
            return
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        await talker.write()
