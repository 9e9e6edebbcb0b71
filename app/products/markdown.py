"""Markdown of sellers, rendered and then cleaned: what is not on the list does not get through."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_PARSER = MarkdownIt("commonmark", {"html": False}).disable("image")
_TAGS = {
    "p", "br", "hr", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li", "a",
    "h2", "h3", "h4", "h5", "h6",
}  # fmt: skip
_SCHEMES = {"http", "https", "mailto"}
_LINK_RELATION = "nofollow noopener noreferrer ugc"


# A text of brackets alone takes a second; whoever looks at it again does not wait for that.
@lru_cache(maxsize=128)
def render(text: str) -> Markup:
    """Safe HTML of a Markdown text: no scripts, no pictures, links that vouch for nothing."""
    # The page has its own h1: a seller's headings begin below it.
    html = _PARSER.render(text).replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=_SCHEMES,
        link_rel=_LINK_RELATION,
    )
    return Markup(clean)  # noqa: S704 # cleaned right above
