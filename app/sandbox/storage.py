"""The sandbox's own file: SQLite, one connection, one writer at a time."""

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A worker that is being replaced may still hold the file for as long as it finishes its requests.
PATIENCE_SECONDS = 30.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS token (value TEXT PRIMARY KEY, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS paypal_order (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, status TEXT NOT NULL, document TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS paypal_order_number ON paypal_order (number);
CREATE TABLE IF NOT EXISTS capture (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL REFERENCES paypal_order, unit INTEGER NOT NULL, payer TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT, currency TEXT NOT NULL, gross INTEGER NOT NULL,
    fee INTEGER, custom_id TEXT, invoice_id TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS capture_order ON capture (order_id);
DROP INDEX IF EXISTS capture_invoice;
CREATE UNIQUE INDEX IF NOT EXISTS capture_invoice_taken ON capture (invoice_id)
    WHERE status NOT IN ('DECLINED', 'FAILED');
CREATE TABLE IF NOT EXISTS refund (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    capture_id TEXT NOT NULL REFERENCES capture (id), status TEXT NOT NULL,
    currency TEXT NOT NULL, gross INTEGER NOT NULL, custom_id TEXT, invoice_id TEXT, note TEXT,
    created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS refund_capture ON refund (capture_id);
CREATE INDEX IF NOT EXISTS refund_invoice ON refund (invoice_id);
CREATE TABLE IF NOT EXISTS payout_batch (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, sender_batch_id TEXT,
    header TEXT NOT NULL, status TEXT NOT NULL, currency TEXT NOT NULL, denied INTEGER NOT NULL,
    created_at REAL NOT NULL, due_at REAL NOT NULL, completed_at REAL
);
CREATE INDEX IF NOT EXISTS payout_batch_sender ON payout_batch (sender_batch_id);
CREATE INDEX IF NOT EXISTS payout_batch_due ON payout_batch (due_at) WHERE status = 'PENDING';
CREATE TABLE IF NOT EXISTS payout_item (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    batch_id TEXT NOT NULL REFERENCES payout_batch (id), status TEXT NOT NULL, error TEXT,
    currency TEXT NOT NULL, minor INTEGER NOT NULL, fee INTEGER NOT NULL,
    recipient_type TEXT NOT NULL, receiver TEXT NOT NULL, note TEXT, sender_item_id TEXT,
    transaction_id TEXT, updated_at REAL NOT NULL, due_at REAL
);
CREATE INDEX IF NOT EXISTS payout_item_batch ON payout_item (batch_id, number);
CREATE INDEX IF NOT EXISTS payout_item_due ON payout_item (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS payout_item_promised ON payout_item (currency)
    WHERE status IN ('PENDING', 'ONHOLD');
CREATE TABLE IF NOT EXISTS posting (
    id INTEGER PRIMARY KEY, entry TEXT NOT NULL, account TEXT NOT NULL,
    currency TEXT NOT NULL, minor INTEGER NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS listed_transaction (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, code TEXT NOT NULL, status TEXT NOT NULL,
    currency TEXT NOT NULL, minor INTEGER NOT NULL, fee INTEGER NOT NULL, reference_id TEXT,
    custom_id TEXT, invoice_id TEXT, payer_id TEXT, created_at REAL NOT NULL,
    updated_at REAL NOT NULL, UNIQUE (id, code)
);
CREATE INDEX IF NOT EXISTS listed_transaction_time ON listed_transaction (created_at);
CREATE INDEX IF NOT EXISTS posting_account ON posting (account, currency, minor);
CREATE TABLE IF NOT EXISTS idempotency (
    operation TEXT NOT NULL, request_id TEXT NOT NULL, fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, expires_at REAL NOT NULL,
    PRIMARY KEY (operation, request_id)
);
CREATE TABLE IF NOT EXISTS webhook (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, event_types TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, event_type TEXT NOT NULL,
    resource_id TEXT NOT NULL, created_at REAL NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY, event_id TEXT NOT NULL REFERENCES event (id),
    webhook_id TEXT NOT NULL REFERENCES webhook, transmission_id TEXT NOT NULL,
    state TEXT NOT NULL, due_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    shuffled INTEGER NOT NULL DEFAULT 0, forgery TEXT, answer INTEGER, problem TEXT
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (state, due_at);
CREATE TABLE IF NOT EXISTS dispute (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    capture_id TEXT NOT NULL REFERENCES capture (id), reason TEXT NOT NULL, stage TEXT NOT NULL,
    status TEXT NOT NULL, currency TEXT NOT NULL, minor INTEGER NOT NULL,
    fee INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL, outcome TEXT, refunded INTEGER,
    due_at REAL, created_at REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS dispute_capture ON dispute (capture_id);
CREATE TABLE IF NOT EXISTS reversal (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    capture_id TEXT NOT NULL REFERENCES capture (id), currency TEXT NOT NULL,
    minor INTEGER NOT NULL, created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS reversal_capture ON reversal (capture_id);
CREATE TABLE IF NOT EXISTS dispute_movement (
    id INTEGER PRIMARY KEY, dispute_id TEXT NOT NULL REFERENCES dispute (id),
    party TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, minor INTEGER NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS dispute_movement_dispute ON dispute_movement (dispute_id);
CREATE TABLE IF NOT EXISTS dispute_evidence (
    id INTEGER PRIMARY KEY, dispute_id TEXT NOT NULL REFERENCES dispute (id),
    stage TEXT NOT NULL, kind TEXT NOT NULL, info TEXT NOT NULL, notes TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS dispute_evidence_dispute ON dispute_evidence (dispute_id);
CREATE TABLE IF NOT EXISTS dispute_document (
    id INTEGER PRIMARY KEY, evidence INTEGER NOT NULL REFERENCES dispute_evidence (id),
    name TEXT NOT NULL, kind TEXT NOT NULL, content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS dispute_document_evidence ON dispute_document (evidence);
"""

# What a shop that is connected goes on with when everything else is forgotten.
CONNECTION = frozenset({"token", "webhook"})


class Storage:
    """Everything the sandbox remembers. Closing the process loses nothing that was answered."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._owner = (directory / "lock").open("w")
        self._claim()
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            directory / "sandbox.sqlite3", check_same_thread=False, isolation_level=None
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(SCHEMA)

    def _claim(self) -> None:
        """One process per directory: locks inside it guard nothing against a second one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RuntimeError(
                        "Another process serves this sandbox already; run it with one worker."
                    ) from None
                time.sleep(0.1)
            else:
                return

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block or nothing of it; no other thread reads or writes meanwhile."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything but who is connected."""
        with self.transaction() as db:
            db.execute("PRAGMA defer_foreign_keys = ON")
            tables = db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            for (name,) in tables:
                if name not in CONNECTION:
                    db.execute(f"DELETE FROM {name}")  # noqa: S608  # a name of the schema above

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._db.close()
        self._owner.close()
