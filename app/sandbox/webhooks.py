"""Sends events to webhooks over HTTP, signed, and again until they are taken."""

import logging
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

from app.sandbox import forgeries, payouts
from app.sandbox.clock import iso
from app.sandbox.state import Sandbox

log = logging.getLogger(__name__)
SENDERS = 4
SECONDS = 10
# Longest rest of the dispatcher: the clock may have been moved, or an order given by another hand.
REST_SECONDS = 0.5
BATCH = 64


@dataclass(frozen=True)
class Transmission:
    """One delivery, ready to be sent."""

    number: int
    url: str
    webhook_id: str
    transmission_id: str
    body: bytes
    attempts: int
    forgery: str | None


class Dispatcher:
    """A thread that takes what is due, and a few that send it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._wake = threading.Condition()
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin; what a stopped process left half-sent is sent again."""
        with self._sandbox.storage.transaction() as db:
            db.execute("UPDATE delivery SET state = 'queued' WHERE state = 'sending'")
        self._thread.start()

    def nudge(self) -> None:
        """Something may be due."""
        with self._wake:
            self._wake.notify_all()

    def wait_until_tried(self, seconds: float) -> bool:
        """Wait until all that is due has been tried once; False if it takes longer."""
        deadline = time.monotonic() + seconds
        self.nudge()
        while self._untried():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._wake:
                self._wake.wait(min(left, 0.05))
        return True

    def _untried(self) -> bool:
        with self._sandbox.storage.transaction() as db:
            row = db.execute(
                "SELECT 1 FROM delivery WHERE attempts = 0 AND (state = 'sending'"
                " OR (state = 'queued' AND due_at <= ?)) LIMIT 1",
                (self._sandbox.clock.now(),),
            ).fetchone()
        return row is not None

    def _run(self) -> None:
        while not self._sandbox.stopping.is_set():
            try:
                busy = self._dispatch()
            except sqlite3.Error:
                log.exception("webhooks could not be read")
                busy = False
            if not busy:
                with self._wake:
                    self._wake.wait(REST_SECONDS)

    def _dispatch(self) -> bool:
        """Hand what is due to the senders; whether there was anything."""
        with self._sandbox.storage.transaction() as db:
            payouts.advance(db, self._sandbox)
            rows = db.execute(
                "SELECT delivery.*, event.body, webhook.url FROM delivery"
                " JOIN event ON event.id = delivery.event_id"
                " JOIN webhook ON webhook.id = delivery.webhook_id"
                " WHERE state = 'queued' AND due_at <= ? ORDER BY due_at, delivery.id LIMIT ?",
                (self._sandbox.clock.now(), BATCH),
            ).fetchall()
            db.executemany(
                "UPDATE delivery SET state = 'sending' WHERE id = ?", [(row["id"],) for row in rows]
            )
        shuffled = [_read(row) for row in reversed(rows) if row["shuffled"]]
        if shuffled:
            self._pool.submit(self._send_in_turn, shuffled)
        for row in rows:
            if not row["shuffled"]:
                self._pool.submit(self._send_in_turn, [_read(row)])
        return bool(rows)

    def _send_in_turn(self, transmissions: list[Transmission]) -> None:
        for transmission in transmissions:
            try:
                self._note(transmission, *self._try(transmission))
            except Exception:
                # Nobody waits for a sender's result, so its fault would pass unseen.
                log.exception("webhook %s was not noted", transmission.transmission_id)

    def _try(self, transmission: Transmission) -> tuple[int | None, str | None]:
        """Send; a fault of ours counts as one of the way, or the webhook would hang for ever."""
        try:
            return self.transmit(transmission)
        except Exception as error:
            log.exception("webhook %s could not be sent", transmission.transmission_id)
            return None, type(error).__name__

    def transmit(self, transmission: Transmission) -> tuple[int | None, str | None]:
        """Send once; the status answered, or why there was none."""
        sandbox = self._sandbox
        sent = forgeries.headers(
            sandbox.certificates,
            sandbox.config.public_url,
            transmission_id=transmission.transmission_id,
            time=iso(sandbox.clock.now()),
            webhook_id=transmission.webhook_id,
            body=transmission.body,
            forgery=transmission.forgery,
        )
        body = forgeries.sent_body(transmission.body, transmission.forgery)
        try:
            answer = requests.post(
                transmission.url, data=body, headers=sent, timeout=SECONDS, allow_redirects=False
            )
            if transmission.forgery == "replay":
                answer = requests.post(
                    transmission.url,
                    data=body,
                    headers=sent,
                    timeout=SECONDS,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            return None, type(error).__name__
        return answer.status_code, None

    def _note(self, transmission: Transmission, answer: int | None, problem: str | None) -> None:
        """Taken, given up, or to be tried again after a rest. Forgeries are never repeated."""
        backoff = self._sandbox.config.backoff_seconds
        attempts = transmission.attempts + 1
        due = self._sandbox.clock.now()
        if answer is not None and 200 <= answer < 300:
            state = "delivered"
        elif transmission.forgery or attempts > len(backoff):
            state = "failed"
        else:
            state, due = "queued", due + backoff[attempts - 1]
        with self._sandbox.storage.transaction() as db:
            db.execute(
                "UPDATE delivery SET state = ?, due_at = ?, attempts = ?, answer = ?, problem = ?"
                " WHERE id = ? AND state = 'sending'",
                (state, due, attempts, answer, problem, transmission.number),
            )
        self.nudge()


def _read(row: sqlite3.Row) -> Transmission:
    return Transmission(
        row["id"],
        row["url"],
        row["webhook_id"],
        row["transmission_id"],
        bytes(row["body"]),
        row["attempts"],
        row["forgery"],
    )
