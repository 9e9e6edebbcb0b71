"""Servers that are killed and started again where they were."""

import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from app.embedded import processes
from app.embedded.processes import EmbeddedServer


class Store:
    """A server of its own, in a directory of its own, at one address for good."""

    def __init__(self, start: Callable[[Path], EmbeddedServer], directory: Path) -> None:
        self._start, self._directory = start, directory
        self.server = start(directory)

    def crash(self, away_seconds: float = 1.0) -> None:
        """Kill it, and start it on the same port a moment later."""
        port = int(self.server.url.rpartition("@")[2].partition("/")[0].partition(":")[2])
        self.server.process.kill()
        self.server.process.wait()
        time.sleep(away_seconds)
        with patch.object(processes, "free_port", lambda: port):
            self.server = self._start(self._directory)

    def stop(self) -> None:
        """End it."""
        self.server.stop()
