import pytest
from flask import Flask, render_template
from flask_babel import force_locale
from jinja2 import DictLoader

from app.factory import create_app

SOURCES = {
    "page.html": '{% extends "frame.html" %}{% from "widgets.html" import sign %}'
    '{% block body %}{{ sign() }}|{{ _("Found: %(name)s", name=name) }}{% endblock %}',
    "frame.html": '{{ _("Basket") }}|{{ url_for("products.listing") }}|'
    '{{ icon("basket") }}|{% block body %}{% endblock %}',
    "widgets.html": '{% macro sign() %}<b title="{{ _("Copy") }}">'
    '{{ _("Basket") }}</b>{% endmacro %}'
    "{% macro counted(count) %}{{ seen.append(count) or count }}{% endmacro %}"
    "{% macro summed(counts) %}{{ seen.append(counts) or counts | sum }}{% endmacro %}",
    "kept.html": '{% from "widgets.html" import counted %}'
    "{{ kept(counted, 1) }}{{ kept(counted, 1) }}{{ kept(counted, 2) }}",
    "list.html": '{% from "widgets.html" import summed %}{{ kept_list(summed, counts) }}',
    "mail.txt": '{{ _("%(product)s is in your basket.", product=name) }}',
}


@pytest.fixture
def app(make_settings) -> Flask:
    made = create_app(make_settings())
    made.jinja_loader = DictLoader(SOURCES)
    return made


def _render(app: Flask, language: str, template: str, **values: object) -> str:
    with app.test_request_context(), force_locale(language):
        return render_template(template, **values)


def test_each_language_has_its_own_words_in_all_that_a_page_is_made_of(app):
    english = _render(app, "en", "page.html", name="x")
    russian = _render(app, "ru", "page.html", name="x")
    again = _render(app, "en", "page.html", name="x")
    assert english == again
    assert english.startswith("Basket|/products|<svg ")
    assert '<b title="Copy">Basket</b>' in english
    assert russian.startswith("Корзина|/products|<svg ")
    assert '<b title="Копировать">Корзина</b>' in russian


def test_what_is_put_into_words_is_escaped_in_pages_alone(app):
    assert "&lt;script&gt;" in _render(app, "en", "page.html", name="<script>")
    assert _render(app, "en", "mail.txt", name="<A & B>") == "<A & B> is in your basket."


def test_constant_parts_are_text_of_the_compiled_template(app):
    with app.test_request_context(), force_locale("ru"):
        environment = app.jinja_env
        source, _name, _fresh = environment.loader.get_source(environment, "ru/frame.html")
        compiled = environment.compile(source, "ru/frame.html", raw=True)
    assert "Корзина" in compiled
    for name in ("'_'", "'url_for'", "'icon'"):
        assert f"resolve({name})" not in compiled


def test_kept_piece_is_made_once_for_what_it_shows(app):
    seen: list[int] = []
    with app.app_context():
        app.jinja_env.globals["seen"] = seen
    assert _render(app, "en", "kept.html") == "112"
    assert _render(app, "en", "kept.html") == "112"
    assert seen == [1, 2]
    assert _render(app, "ru", "kept.html") == "112"
    assert seen == [1, 2, 1, 2]


def test_kept_list_is_made_once_for_all_that_is_in_it(app):
    seen: list[tuple[int, ...]] = []
    with app.app_context():
        app.jinja_env.globals["seen"] = seen
    for counts in ([1, 2], [1, 2], [1, 3], [2, 1]):
        assert _render(app, "en", "list.html", counts=counts) == str(sum(counts))
    assert seen == [(1, 2), (1, 3), (2, 1)]
