"""Addresses in what people write, made into links."""

import re
from collections.abc import Iterator

from markupsafe import Markup

from app.chats.views import blueprint

_ADDRESS = re.compile(r"(?:https?://|(?<![\w@./-])www\.)[^\s<>\"]+", re.IGNORECASE)
_SCHEMES = ("http://", "https://")
_ENDS = frozenset(".,:;!?'*_~…»”’")  # after an address, they are the sentence's
_RELATION = "nofollow noopener noreferrer ugc"
_LINK = Markup('<a href="{}" target="_blank" rel="{}">{}</a>')


@blueprint.app_template_filter("linked")
def linked(text: str) -> Markup:
    """The text with links to the addresses in it.

    Jinja's `urlize` looks at the end of a word again from each of its signs: some hundred messages
    made for it keep a server busy for half a minute.
    """
    return Markup("").join(_parts(text))


def _parts(text: str) -> Iterator[str]:
    done = 0
    for match in _ADDRESS.finditer(text):
        address = _without_ends(match[0])
        yield text[done : match.start()]
        done = match.start() + len(address)
        target = address if address.lower().startswith(_SCHEMES) else f"https://{address}"
        yield _LINK.format(target, _RELATION, address)
    yield text[done:]


def _without_ends(address: str) -> str:
    """The address without what closes the sentence, or brackets opened before it."""
    end, too_many = len(address), address.count(")") - address.count("(")
    while end and (address[end - 1] in _ENDS or (address[end - 1] == ")" and too_many > 0)):
        too_many -= address[end - 1] == ")"
        end -= 1
    return address[:end]
