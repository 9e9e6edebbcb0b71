"""Requests whose uploads stay in memory."""

from io import BytesIO
from typing import IO

from flask import Request


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
