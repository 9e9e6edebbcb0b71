"""Fonts are addressed by their content everywhere, so that each is fetched once."""

import os
import re
from pathlib import Path

import pytest
from flask import Flask

STATIC = Path(__file__).resolve().parents[2] / "static"
ADDRESS = re.compile(r'url\("?([^")]+)"?\)')


@pytest.mark.parametrize("sheet", sorted(STATIC.glob("css/**/*.css")), ids=lambda path: path.name)
def test_what_a_sheet_refers_to_has_the_address_that_pages_use(app: Flask, sheet: Path) -> None:
    for found in ADDRESS.findall(sheet.read_text(encoding="utf-8")):
        if found.startswith("data:"):
            continue
        file = Path(os.path.normpath(sheet.parent / found.partition("?")[0]))
        with app.test_request_context():
            address = app.jinja_env.globals["asset"](str(file.relative_to(STATIC)))
        assert found.partition("?")[2] == address.partition("?")[2], f"{found}: {address}"
