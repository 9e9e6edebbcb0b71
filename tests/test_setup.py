"""Set-up gets over interruptions: of itself, by another one, and by a Python that moves."""

import errno
import hashlib
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import setup


def _wheel(directory: Path) -> Path:
    """A package with a command of its own."""
    file = directory / "greeter-1.0-py3-none-any.whl"
    info = "greeter-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("greeter.py", "def greet():\n    print('hello')\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ngreet = greeter:greet\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout whose one requirement lies beside it."""
    venv = tmp_path / ".venv"
    for name, place in {
        "ROOT": tmp_path,
        "VENV": venv,
        "BIN": venv / "bin",
        "STAMPS": venv / "stamps",
    }.items():
        monkeypatch.setattr(setup, name, place)
    wheel = _wheel(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"greeter==1.0 --hash=sha256:{digest}\n")
    (tmp_path / "requirements-pip.txt").touch()  # Python's own is good enough here
    yield tmp_path
    shutil.rmtree(venv, ignore_errors=True)


def _set_up(checkout: Path) -> None:
    setup.make_virtual_environment()
    setup.install("Python packages", checkout / "requirements.txt")


def _greeting(checkout: Path) -> str:
    command = [checkout / ".venv" / "bin" / "greet"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_what_was_interrupted_is_done_anew(checkout, capfd):
    # Killed while the virtual environment was made: it has a Python, and no pip.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", setup.VENV], check=True)
    _set_up(checkout)
    assert _greeting(checkout) == "hello\n"
    # Whoever may not write there, as a shop that runs as another user, need not compile it anew.
    assert list(setup.VENV.glob("lib/*/site-packages/__pycache__/greeter.*.pyc"))

    # Killed while pip installed a package: its words are there, its command is not.
    (setup.BIN / "greet").unlink()
    next(setup.VENV.glob("lib/*/site-packages/greeter-*.dist-info/RECORD")).unlink()
    (setup.STAMPS / "requirements.txt").unlink()
    _set_up(checkout)
    assert _greeting(checkout) == "hello\n"

    capfd.readouterr()
    _set_up(checkout)
    assert capfd.readouterr().out == ""

    # The machine's Python was upgraded: packages of the old one are not found by the new one.
    (setup.BIN / "python").unlink()
    newer = shutil.copy(Path(sys.executable).resolve(), checkout)
    (setup.BIN / "python").symlink_to(newer)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(setup, "run", lambda command, purpose: pytest.fail(purpose))
        with pytest.raises(pytest.fail.Exception, match="make the virtual environment"):
            _set_up(checkout)


def test_virtual_environment_of_another_checkout_stays_whole(
    checkout, tmp_path_factory, monkeypatch
):
    theirs = tmp_path_factory.mktemp("other")
    (theirs / "pyvenv.cfg").write_text("theirs")
    setup.VENV.symlink_to(theirs)
    monkeypatch.setattr(setup, "run", lambda command, purpose: pytest.fail(purpose))
    with pytest.raises(pytest.fail.Exception, match="make the virtual environment"):
        _set_up(checkout)
    assert not setup.VENV.is_symlink()  # so that a directory of its own will be made
    assert (theirs / "pyvenv.cfg").read_text() == "theirs"


def test_a_second_set_up_waits_for_the_first(checkout, capfd):
    def second() -> None:
        with setup.alone():
            order.append("second")

    order: list[str] = []
    with setup.alone():
        thread = threading.Thread(target=second)
        thread.start()
        while "Waiting for another set-up" not in capfd.readouterr().out:
            assert thread.is_alive()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_full_disk_gets_a_sentence(checkout, capsys, monkeypatch):
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/shop/.venv/stamps")

    monkeypatch.setattr(sys, "argv", ["setup.py"])
    monkeypatch.setattr(setup, "make_virtual_environment", fail)
    assert setup.main() == 1
    assert capsys.readouterr().err == (
        "Set-up stopped: /shop/.venv/stamps: No space left on device.\n"
    )
