"""Templates hold nothing that the Content Security Policy forbids, and name only what is there."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
# Mails have no policy, and their readers know no stylesheets.
MAILS = ("email/", "layouts/email.html", "layouts/_mail.html")
JINJA = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
# A trigger filter such as click[ctrlKey], and js: values, are evaluated as code.
CODE = {
    "hx-trigger": re.compile(r"\w\["),
    "hx-vals": re.compile("js:"),
    "hx-headers": re.compile("js:"),
}


def pages() -> list[str]:
    names = (str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))
    return sorted(name for name in names if not name.startswith(MAILS))


class Finder(HTMLParser):
    """Collects what the policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _value in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.faults.append(f"inline <{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.faults.append(f"{name} on <{tag}>")
            if (code := CODE.get(name.split(":")[0])) and code.search(value or ""):
                self.faults.append(f"code in {name} on <{tag}>")


@pytest.mark.parametrize("name", pages())
def test_page_needs_no_inline_code(name: str) -> None:
    finder = Finder()

    finder.feed(JINJA.sub("", (TEMPLATES / name).read_text()))

    assert finder.faults == []


def test_every_named_icon_exists() -> None:
    sprite = (ROOT / "static" / "icons" / "sprite.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    asked = re.compile(r'(?:\bicon\(|icon_name=|empty_state\()"([\w-]+)"')

    named = {icon for page in pages() for icon in asked.findall((TEMPLATES / page).read_text())}

    assert named <= drawn
