"""Requests: their uploads stay in memory, and those of programs are told from those of people."""

from io import BytesIO
from typing import IO

from flask import Request, request

API = "/api/v1"


def is_api() -> bool:
    """Whether a program asks, below /api: no cookie counts there, and every answer is JSON."""
    return request.path.startswith("/api/")


class MemoryRequest(Request):
    """A request that puts no uploaded file on the disk: an upload may hold goods in clear text.

    MAX_CONTENT_LENGTH bounds what one request takes.
    """

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002  # Werkzeug calls it with these
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        """Werkzeug's documented hook; its own would use a temporary file from 500 KB on."""
        return BytesIO()
