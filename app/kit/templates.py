"""Templates: compiled once for each language, with all that never changes in it worked out then.

The words of the interface, addresses without arguments, files and icons: each is a call or three,
and a page has hundreds. In the compiled template of a language they are text.
"""

from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any

from flask import Flask, url_for
from flask.templating import Environment
from jinja2 import FunctionLoader, Template, nodes
from jinja2.compiler import CodeGenerator
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from app.kit import i18n
from app.kit.assets import asset, icon

WORDS = ("_", "gettext")
# Functions that answer the same to the same words for as long as the process runs. (The shop is at
# the root of its host, so an address depends on no request.)
CONSTANT: dict[str, Callable[..., str]] = {"asset": asset, "icon": icon, "url_for": url_for}
PIECES_KEPT = 4096
LISTS_KEPT = 256  # of some 30 kB each


def _language(name: str) -> str:
    return name.partition("/")[0]


class _FoldingGenerator(CodeGenerator):
    """Writes a template down after what is constant in it has been worked out."""

    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:  # noqa: N802
        """See CodeGenerator."""
        if self.name is not None:
            escapes = self.environment.autoescape
            html = escapes(self.name) if callable(escapes) else escapes
            node = _Fold(_language(self.name), html=html).visit(node)
        super().visit_Template(node, frame)


class _Fold(NodeTransformer):
    """Puts in the place of a call what it comes to."""

    def __init__(self, language: str, *, html: bool) -> None:
        self._gettext = i18n.catalogue(language).ugettext
        self._html = html

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802  # the visitor's name
        """A call of constants."""
        self.generic_visit(node)
        if not isinstance(node.node, nodes.Name) or node.dyn_args or node.dyn_kwargs:
            return node
        values = [argument.value for argument in node.args if isinstance(argument, nodes.Const)]
        if len(values) < len(node.args):
            return node
        name = node.node.name
        if name in WORDS:
            return self._words(node, *values)
        if name in CONSTANT and not node.kwargs:
            return nodes.Const(CONSTANT[name](*values), lineno=node.lineno)
        return node

    def _words(self, node: nodes.Call, text: str) -> nodes.Expr:
        """The words in this language; what is put into them comes later."""
        found = self._gettext(text)
        # Translations are as safe as the templates that they stand in.
        words = nodes.Const(Markup(found) if self._html else found, lineno=node.lineno)  # noqa: S704
        pairs = [nodes.Pair(nodes.Const(one.key), one.value) for one in node.kwargs]
        return nodes.Mod(words, nodes.Dict(pairs), lineno=node.lineno)


class PageEnvironment(Environment):
    """Flask's environment, in which the name of a template begins with the language it speaks.

    `products/front.html` is asked for, `ru/products/front.html` is compiled and kept; what it
    extends, includes and imports is of the same language.
    """

    code_generator_class = _FoldingGenerator

    def __init__(self, app: Flask, **options: Any) -> None:
        super().__init__(app, **options)
        files = app.create_global_jinja_loader()
        self.loader = FunctionLoader(lambda name: files.get_source(self, name.partition("/")[2]))

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002  # Jinja's name
    ) -> Template:
        """The template in the language of this answer, or in that of the template that asks."""
        if parent is None and isinstance(name, str):
            name = self.join_path(name, i18n.locale() + "/")
        return super().get_template(name, parent, globals)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The environment's own: no template is given more, and imports compare them each time."""
        return self.globals if d is None else super().make_globals(d)

    def join_path(self, template: str, parent: str) -> str:
        """The name of a template that another one asks for."""
        return f"{_language(parent)}/{template}"


def _call(macro: Callable[..., Markup], *arguments: Any) -> Markup:
    return macro(*arguments)


def init_app(app: Flask) -> None:
    """Have this application's templates compiled so; before anything asks for its environment."""
    app.jinja_environment = PageEnvironment  # type: ignore[assignment]  # as Flask documents it
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    # `kept(macro, …)` in a template is `macro(…)`, remembered for the same arguments. It is for
    # macros that show nothing but these: they are all that a piece is made of, so none is stale.
    app.jinja_env.globals["kept"] = lru_cache(PIECES_KEPT)(_call)
    # The same for a macro whose first argument is a list: many ask for the same page of one.
    lists = lru_cache(LISTS_KEPT)(_call)
    app.jinja_env.globals["kept_list"] = lambda macro, items, *rest: lists(
        macro, tuple(items), *rest
    )
