"""Write the table of settings into README.md from `app.settings`; with --check only compare."""

import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.settings import Settings

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- settings: written by `make docs` -->"
END = "<!-- settings end -->"


def main() -> int:
    text = README.read_text()
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        print(f"{README.name} has no place for the settings: {BEGIN} … {END}")
        return 1
    new = f"{head}{BEGIN}\n{table()}\n{END}{tail}"
    if "--check" not in sys.argv:
        README.write_text(new)
        return 0
    if new != text:
        print("the table is not that of app/settings.py: run `make docs`")
        return 1
    return 0


def table() -> str:
    """Every setting, its default and its meaning, in Markdown."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        if field.default is PydanticUndefined:
            default = "required"
        elif field.default in {None, ""}:
            default = ""
        else:
            default = f"`{field.default}`"
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{name.upper()}` | {default} | {meaning} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
