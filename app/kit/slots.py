"""Slots: places in pages that domains above fill, of which the page's own domain knows nothing.

`wiring.SLOTS` says who fills which; a template calls `slot("name", …)`.
"""

from collections.abc import Callable, Mapping
from typing import cast

from flask import Flask, current_app
from markupsafe import Markup

_KEY = "slots"
Filler = Callable[..., Markup]


def init_app(app: Flask, table: Mapping[str, Filler]) -> None:
    """Give the application its slots, and templates a way to have one filled."""
    app.extensions[_KEY] = dict(table)
    app.jinja_env.globals["slot"] = fill


def fill(name: str, **known: object) -> Markup:
    """What belongs into a slot of a page that shows this; KeyError for a slot that nobody knows."""
    return cast("dict[str, Filler]", current_app.extensions[_KEY])[name](**known)


def render(template: str, **context: object) -> Markup:
    """A slot's content, of a template that is written amid another one."""
    text = current_app.jinja_env.get_template(template).render(**context)
    return Markup(text)  # noqa: S704  # templates escape what is put into them
