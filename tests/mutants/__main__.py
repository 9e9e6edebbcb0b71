"""`make mutants`: take out one protection after the other, and see whether its test turns red.

Usage: python -m tests.mutants [words …]; with words, those mutants alone whose names have one.
Each is made in a copy of the checkout. The exit code is not 0 if one survives, does not stand where
the table says, or has a test that is not green without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.mutants.table import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
# Installed beside the checkout, and read alone.
INSTALLED = (".venv", "node_modules", "static/vendor")
SECONDS = 300
# https://docs.pytest.org/en/stable/reference/exit-codes.html
GREEN, RED = 0, 1
STUCK = -1
PRISTINE = "pristine"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: noticed or not, in a word, and what pytest said."""

    mutant: Mutant
    word: str
    noticed: bool
    said: str = ""


def main(words: Sequence[str]) -> int:
    """Try the mutants; print the table."""
    mutants = [one for one in MUTANTS if not words or any(word in one.name for word in words)]
    if not mutants:
        print(f"No such mutant. There are: {', '.join(one.name for one in MUTANTS)}.")
        return 1
    with tempfile.TemporaryDirectory(prefix="byteshop-mutants-") as directory:
        Path(directory).chmod(0o711)  # PostgreSQL of root's runs as another user
        pristine = Path(directory) / PRISTINE
        copy_checkout(pristine)
        tests = sorted({one.test for one in mutants})
        print(f"{len(tests)} tests without any mutant …", flush=True)
        code, said = run(pristine, tests)
        if code != GREEN:
            print(f"{said}\nNot green without a mutant: nothing can be told.")
            return 1
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = list(pool.map(partial(attempt, pristine), mutants))
    show(outcomes)
    return 0 if all(outcome.noticed for outcome in outcomes) else 1


def attempt(pristine: Path, mutant: Mutant) -> Outcome:
    """Make a mutant, and run its test."""
    with copied(pristine) as place:
        file = place / mutant.path
        text = file.read_text()
        if text.count(mutant.stands) != 1:
            return Outcome(mutant, "STANDS NO MORE", noticed=False)
        file.write_text(text.replace(mutant.stands, mutant.instead))
        code, said = run(place, [mutant.test])
    if code == RED and " failed" in said:  # an error says nothing: the test was not reached
        outcome = Outcome(mutant, "red", noticed=True)
    elif code == GREEN:
        outcome = Outcome(mutant, "SURVIVED", noticed=False)
    else:
        outcome = Outcome(mutant, "BROKEN", noticed=False, said=said)
    print(f"  {outcome.word:<10} {mutant.name}", flush=True)
    return outcome


@contextmanager
def copied(pristine: Path) -> Iterator[Path]:
    """A copy of the copy, to be changed."""
    with tempfile.TemporaryDirectory(dir=pristine.parent) as directory:
        Path(directory).chmod(0o711)
        place = Path(directory) / "shop"
        shutil.copytree(pristine, place, symlinks=True)
        yield place


def copy_checkout(place: Path) -> None:
    """Copy what git knows or would take, as it stands, and link what is installed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    translations = (ROOT / "app" / "translations").rglob("*.mo")
    names = [
        *filter(None, listed.split("\0")),
        *(str(one.relative_to(ROOT)) for one in translations),
    ]
    for name in names:
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    for name in INSTALLED:
        (place / name).symlink_to((ROOT / name).resolve())


def run(place: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run tests in a copy; pytest's exit code, and what it said."""
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests],
            cwd=place,
            # What is compiled stays as the copy has it: a file that is changed within the second in
            # which it was written would else be taken for compiled.
            env=kept | ({} if place.name == PRISTINE else {"PYTHONDONTWRITEBYTECODE": "1"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS * len(tests),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return STUCK, "It did not come to an end."
    return done.returncode, done.stdout


def show(outcomes: Sequence[Outcome]) -> None:
    """Print what became of each."""
    rows = [("mutant", "protection", "test", "")]
    rows += [
        (one.mutant.name, one.mutant.protection, short(one.mutant.test), one.word)
        for one in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    print()
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
        print("  ".join([*cells, row[3]]).rstrip())
    for outcome in outcomes:
        if outcome.said:
            print(f"\n{outcome.mutant.name}:\n{outcome.said[-3000:]}")
    noticed = sum(outcome.noticed for outcome in outcomes)
    print(f"\n{noticed} of {len(outcomes)} mutants turned their test red.")


def short(test: str) -> str:
    """A test's name, without the way to it."""
    return test.rpartition("::")[2] or test


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
