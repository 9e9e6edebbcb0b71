"""Bring a checkout to where the shop can start; each step is skipped when nothing changed.

Runs on the system's Python with its standard library alone, since it is what installs the rest.
A step is done when its stamp under `.venv/stamps` holds the hash of the files it was made from,
so a second run needs neither time nor network.
"""

import argparse
import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# First of all, since what follows is written for it.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        f"Set-up stopped: Python 3.11 or later is needed, {sys.executable} is "
        f"{sys.version_info[0]}.{sys.version_info[1]}. "
        "Name another one with `make PYTHON=/path/to/python3.11 …`."
    )

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMPS = VENV / "stamps"
VENDOR = ROOT / "static" / "vendor"
CATALOGUES = ROOT / "app" / "translations"

# Files of npm packages that pages load, and their names below static/vendor.
VENDOR_FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
    "swagger-ui-dist/LICENSE": "swagger-ui.LICENSE",
    "@fontsource-variable/onest/LICENSE": "fonts/onest.LICENSE",
    "@fontsource/unbounded/LICENSE": "fonts/unbounded.LICENSE",
} | {
    f"{package}/files/{name}": f"fonts/{name}"
    for package, names in {
        "@fontsource-variable/onest": (
            "onest-latin-wght-normal.woff2",
            "onest-latin-ext-wght-normal.woff2",
            "onest-cyrillic-wght-normal.woff2",
        ),
        # In the one weight that headings and prices have: all of them take twice as long.
        "@fontsource/unbounded": (
            "unbounded-latin-600-normal.woff2",
            "unbounded-cyrillic-600-normal.woff2",
        ),
    }.items()
    for name in names
}


class SetupFailed(Exception):
    """Set-up cannot go on; the message tells the person what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Install what the shop needs to run.")
    parser.add_argument("--dev", action="store_true", help="also what tests and lint need")
    arguments = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # its terminal may know no arrows
    try:
        with alone():
            make_virtual_environment()
            install("Python packages", ROOT / "requirements.txt")
            if arguments.dev:
                install("packages for tests and lint", ROOT / "requirements-dev.txt")
            install_assets()
            compile_translations()
    except SetupFailed as failure:
        print(f"Set-up stopped: {failure}", file=sys.stderr)
        return 1
    except PermissionError as failure:
        print(
            f"Set-up stopped: {failure.filename} is not yours to write. "
            "Was it made by another user? Run as that user, or make a checkout of your own.",
            file=sys.stderr,
        )
        return 1
    except OSError as failure:
        print(f"Set-up stopped: {failure.filename or ROOT}: {failure.strerror}.", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait for another set-up of this checkout: two would install into each other's work."""
    checkout = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(checkout, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up of this checkout")
            fcntl.flock(checkout, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(checkout)


def check_python() -> None:
    """Raise SetupFailed unless this Python can make virtual environments."""
    try:
        import ensurepip  # noqa: F401, PLC0415  # Debian ships it apart, in python3-venv
    except ImportError:
        raise SetupFailed(
            "Python's venv module is missing: run `apt-get install python3-venv` as root."
        ) from None


def make_virtual_environment() -> None:
    """Create `.venv`; anew if that was interrupted, or if the checkout or its Python has moved."""
    stamp = STAMPS / "home"
    if not stamp.exists() or stamp.read_text() != home():
        check_python()
        say("Making the virtual environment in .venv")
        if VENV.is_symlink():  # to that of another checkout, which is not ours to empty
            VENV.unlink()
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "make the virtual environment")
        # The pip that comes with Python 3.11 takes three times as long to pick from PyPI's lists.
        pip_install(ROOT / "requirements-pip.txt")
        STAMPS.mkdir()
        stamp.write_text(home())


def home() -> str:
    """What scripts and packages of the virtual environment were made for."""
    return f"{VENV}\n{(BIN / 'python').resolve()}\n"


def install(what: str, requirements: Path) -> None:
    """Install a pinned list into the virtual environment, checking each file's hash."""

    def bring() -> None:
        remove_half_installed()
        pip_install(requirements)
        compile_packages()

    count = sum(
        "==" in line and line[0] not in " #" for line in requirements.read_text().splitlines()
    )
    step(f"Installing {count} {what}", requirements.name, [requirements], bring)


def pip_install(requirements: Path) -> None:
    """Install a pinned list with pip, as source alone."""
    run(
        [
            *(str(BIN / "python"), "-m", "pip", "install", "--disable-pip-version-check"),
            *("--quiet", "--progress-bar", "off", "--no-compile"),
            *("--require-hashes", "-r", str(requirements)),
        ],
        f"install {requirements.name}; is PyPI reachable from here?",
    )


def compile_packages() -> None:
    """Compile what pip has installed, on all cores; pip itself would use one."""
    subprocess.run(
        [BIN / "python", "-m", "compileall", "-qq", "-j", "0", *VENV.glob("lib/*/site-packages")],
        check=False,  # some packages bring files that are meant for another Python
    )


def remove_half_installed() -> None:
    """Make pip forget what it was killed amid: it takes a package for whole that lacks its end."""
    for packages in VENV.glob("lib/*/site-packages"):
        for info in packages.glob("*.dist-info"):
            if not (info / "RECORD").exists():
                shutil.rmtree(info)
        for rest in packages.glob("~*"):  # the old files of a package that it was replacing
            shutil.rmtree(rest) if rest.is_dir() else rest.unlink()


def install_assets() -> None:
    """Put the browser code of package-lock.json below static/vendor."""

    def copy() -> None:
        npm = find_npm()
        run(
            [*npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"],
            "install the npm packages; is the npm registry reachable from here?",
        )
        for source, name in VENDOR_FILES.items():
            (VENDOR / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / "node_modules" / source, VENDOR / name)

    if not all((VENDOR / name).exists() for name in VENDOR_FILES.values()):
        (STAMPS / "assets").unlink(missing_ok=True)
    sources = [ROOT / "package.json", ROOT / "package-lock.json", Path(__file__)]
    step("Fetching browser code into static/vendor", "assets", sources, copy)


def find_npm() -> list[str]:
    """The command that runs npm: the machine's own, else the one from PyPI."""
    if shutil.which("npm"):
        return ["npm"]
    install("packages that bring npm", ROOT / "requirements-assets.txt")
    return [str(BIN / "npm")]


def compile_translations() -> None:
    """Compile the message catalogues."""

    def compile_catalogues() -> None:
        run(
            [str(BIN / "pybabel"), "--quiet", "compile", "--directory", str(CATALOGUES)],
            "compile the translations",
        )

    catalogues = sorted(CATALOGUES.glob("*/LC_MESSAGES/*.po"))
    if not all(path.with_suffix(".mo").exists() for path in catalogues):
        (STAMPS / "translations").unlink(missing_ok=True)
    if catalogues:
        step("Compiling translations", "translations", catalogues, compile_catalogues)


def step(title: str, stamp: str, sources: Iterable[Path], work: Callable[[], None]) -> None:
    """Do the work unless the stamp says that it was done from these very sources."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    file = STAMPS / stamp
    if file.exists() and file.read_text() == digest:
        return
    say(f"{title} …")
    began = time.monotonic()
    work()
    say(f"  done in {time.monotonic() - began:.0f} s")
    file.write_text(digest)


def run(command: list[str], purpose: str) -> None:
    """Run a command in the checkout; SetupFailed names the purpose if it fails."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    except FileNotFoundError:
        raise SetupFailed(f"could not {purpose}: {command[0]} is missing") from None
    if done.returncode:
        raise SetupFailed(f"could not {purpose} (the lines above say more)")


def say(line: str) -> None:
    print(f"→ {line}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Set-up was interrupted; the next start goes on from here.")
