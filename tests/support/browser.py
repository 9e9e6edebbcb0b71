"""Where the browser is that the tests drive."""

import os
import shutil


def chromium_path() -> str | None:
    """The Chromium that `make test` found; None stands for Playwright's own."""
    return (
        os.environ.get("CHROMIUM")
        or shutil.which("chromium-headless-shell")
        or shutil.which("chromium")
    )
