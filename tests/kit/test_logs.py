"""Log lines."""

import json
import logging

import pytest

from app.kit.logs import JsonFormatter


def _line(**extra: object) -> dict[str, object]:
    logger = logging.getLogger("app.test")
    record = logger.makeRecord(
        "app.test", logging.INFO, "f", 1, "told %s", ('всем\n"x"',), None, extra=extra
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line: dict[str, object] = json.loads(text)
    return line


def test_line_is_one_json_object_with_its_extras() -> None:
    line = _line(order="42", odd=object)
    assert line["message"] == 'told всем\n"x"'
    assert (line["level"], line["logger"], line["order"]) == ("INFO", "app.test", "42")
    assert str(line["time"]).endswith("+00:00")


def test_trace_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    try:
        {}["gone"]
    except KeyError:
        logging.getLogger("app.test").exception("bug")
    line = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert "KeyError: 'gone'" in line["trace"]
