"""A place for servers."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A directory that other accounts may pass: root lends PostgreSQL one of them.

    pytest closes its own temporary directories.
    """
    path = Path(tempfile.mkdtemp(prefix="byteshop-embedded-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for the servers of one test."""
    with temporary_directory() as path:
        yield path
