"""Log lines."""

import json
import logging
import runpy
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from app.kit.ids import new_id
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


SECRETS = [
    "0kLRZjGnCWHd-IScItdggZPenfrjAEEDkCAvK7TgHb0",
    "bsk_0kLRZjGnCWHd-IScItdggZPenfrjAEEDkCAvK7TgHb0",
    f"e30.{'x' * 50}.{'y' * 86}",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_written(secret: str) -> None:
    ident = new_id()
    line = _line(path=f"/auth/reset/{secret}?a=1", order=ident, user=str(ident))
    path = str(line["path"])
    assert path.startswith("/auth/reset/")
    assert path.endswith("...?a=1")
    assert secret[-20:] not in path
    assert (line["order"], line["user"]) == (str(ident), str(ident))
    record = logging.makeLogRecord({"msg": "asked for %s", "args": (f"/live?ticket={secret}",)})
    assert secret[-20:] not in JsonFormatter().format(record)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_in_the_access_log(secret: str) -> None:
    settings = runpy.run_path(str(Path(__file__).parents[2] / "gunicorn.conf.py"))
    config = Config()
    config.set("logger_class", settings["logger_class"])
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"/auth/reset/{secret}",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": f"https://shop.example/auth/reset/{secret}",
    }
    answer = SimpleNamespace(status="200 OK", sent=7, headers=[])
    atoms = config.logger_class(config).atoms(answer, [], environ, timedelta(seconds=1))
    line = config.access_log_format % config.logger_class.atoms_wrapper_class(atoms)
    assert "GET /auth/reset/" in line
    assert secret[-20:] not in line


def test_trace_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    try:
        {}["gone"]
    except KeyError:
        logging.getLogger("app.test").exception("bug")
    line = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert "KeyError: 'gone'" in line["trace"]
