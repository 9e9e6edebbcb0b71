"""The application factory: a list of bindings, in order."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy.orm import configure_mappers
from werkzeug.middleware.proxy_fix import ProxyFix

from app import commands, wiring
from app.auth import identity
from app.extensions import db, login_manager, sock
from app.health import views as health
from app.kit import (
    access,
    assets,
    bodies,
    caching,
    compression,
    csrf,
    headers,
    i18n,
    jobs,
    lists,
    logs,
    postgres,
    problems,
    ratelimit,
    templates,
)
from app.kit import db as transactions
from app.kit.api import limits, origins
from app.kit.crypto import Vault
from app.kit.requests import MemoryRequest
from app.live import reading
from app.settings import Settings


class Shop(Flask):
    """The application. None of its views is a coroutine, so none is looked at for being one."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """See Flask, which asks this of each view and hook of each request."""
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """Wire an application together; reaches no server."""
    settings = settings or Settings.from_env()
    app = Shop(
        __name__,
        static_folder="../static",
        template_folder="../templates",
        static_url_path="/static",
    )
    app.request_class = MemoryRequest
    templates.init_app(app)
    _configure(app, settings)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # Flask's documented way
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    logs.init_app()
    compression.init_app(app)  # the last to work on an answer, so the first that is named
    caching.init_app(app)
    bodies.init_app(app)
    db.init_app(app)
    postgres.init_app(app)
    transactions.init_app(app)
    i18n.init_app(app)
    login_manager.init_app(app)
    identity.init_app(app)
    sock.init_app(app)
    jobs.init_app(app)
    ratelimit.init_app(app)
    limits.init_app(app)
    access.init_app(app)
    csrf.init_app(app)  # reads the form, so only of those who may send it
    headers.init_app(app)
    lists.init_app(app)
    assets.init_app(app)
    problems.init_app(app)
    origins.init_app(app)
    health.init_app(app, settings)
    wiring.init_app(app, settings)
    commands.init_app(app)
    configure_mappers()  # not amid the first query, and once for all whom a server forks
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.extensions["settings"] = settings
    app.extensions["vault"] = Vault(settings.stock_keys, settings.fingerprint_bytes)
    secure = settings.secure_cookies
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_use_lifo": True,  # the one used last has its statements prepared
            "pool_size": 10,
            "max_overflow": 10,
            "pool_timeout": 5,
            "hide_parameters": True,  # values of statements stay out of logs
            "connect_args": {
                "connect_timeout": postgres.CONNECT_SECONDS,
                "prepare_threshold": 1 if settings.prepare_statements else None,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,  # milliseconds until a lost machine is given up
                "options": "-c timezone=UTC -c lock_timeout=8s"
                " -c idle_in_transaction_session_timeout=60s"
                # Statements are short: an index's pages are in memory or on an SSD, and neither
                # helpers nor compiled code are worth their start.
                " -c random_page_cost=1.1 -c max_parallel_workers_per_gather=0 -c jit=off",
            },
        },
        REDIS_URL=settings.redis_url,
        SMTP_URL=settings.smtp_url,
        MAIL_FROM=settings.mail_from,
        CURRENCY=settings.currency,
        MIN_PRICE_MINOR=settings.min_price_minor,
        PUBLIC_URL=settings.public_url,
        LIVE_URL=settings.live_url,
        COMPRESS_ANSWERS=settings.compress_answers,
        TRUSTED_HOSTS=[h.strip() for h in settings.trusted_hosts.split(",") if h.strip()] or None,
        SESSION_COOKIE_NAME="__Host-session" if secure else "byteshop_session",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",  # Strict would lose it on the way back from PayPal
        WTF_CSRF_TIME_LIMIT=None,  # bound to the session instead
        BABEL_TRANSLATION_DIRECTORIES="translations",
        SOCK_SERVER_OPTIONS={
            "ping_interval": 25,
            "max_message_size": 64 * 1024,
            **reading.OPTIONS,
        },
        SERVES_PAGES="web" in settings.role_names,
        TESTING=settings.app_env == "test",
    )
