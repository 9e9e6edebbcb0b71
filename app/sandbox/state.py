"""What a running sandbox consists of, handed to those who need it."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app

from app.sandbox.clock import Clock
from app.sandbox.config import SandboxConfig
from app.sandbox.faults import Faults
from app.sandbox.idempotency import Guard
from app.sandbox.signing import Certificates
from app.sandbox.storage import Storage

if TYPE_CHECKING:  # the dispatcher is handed the sandbox that holds it
    from app.sandbox.webhooks import Dispatcher


@dataclass
class Sandbox:
    """One sandbox: its settings, its memory, its clock, its keys, its faults."""

    config: SandboxConfig
    storage: Storage
    clock: Clock
    faults: Faults
    guard: Guard
    certificates: Certificates
    dispatcher: "Dispatcher" = field(init=False)
    stopping: threading.Event = field(default_factory=threading.Event)


def sandbox() -> Sandbox:
    """The sandbox of the current application."""
    return cast(Sandbox, current_app.extensions["sandbox"])
