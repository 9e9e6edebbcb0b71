"""A web server that takes webhooks as a shop would, and keeps them."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

SECONDS = 20


@dataclass(frozen=True)
class Received:
    """A webhook as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event it carries."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def event_type(self) -> str:
        """What it tells of."""
        return str(self.event["event_type"])


class Receiver:
    """Answers 200 to every webhook, unless told which statuses to answer first."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        self._changed = threading.Condition()
        self._server = make_server("127.0.0.1", 0, self._take, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @Request.application
    def _take(self, request: Request) -> Response:
        with self._changed:
            headers = {name.upper(): value for name, value in request.headers.items()}
            self.received.append(Received(headers, request.get_data()))
            status = self.answers.pop(0) if self.answers else 200
            self._changed.notify_all()
        return Response(status=status)

    def wait_for(self, wanted: Callable[[list[Received]], bool]) -> list[Received]:
        """What has come in, once it is what is wanted; AssertionError if it never is."""
        deadline = time.monotonic() + SECONDS
        with self._changed:
            while not wanted(self.received):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"came in: {[one.event_type for one in self.received]}")
                self._changed.wait(left)
            return list(self.received)

    def wait_for_types(self, *types: str) -> list[Received]:
        """Wait until each of these kinds has come in."""
        return self.wait_for(lambda got: {*types} <= {one.event_type for one in got})

    def clear(self) -> None:
        """Forget what came in, and answer 200 again."""
        with self._changed:
            self.received.clear()
            self.answers.clear()

    def stop(self) -> None:
        """Close the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
