"""Programs that call the JSON API."""

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.auth.models import User
from app.auth.scopes import scopes_for
from app.auth.service import bearer

BASE = "/api/v1"


@dataclass
class Program:
    """A program with a token, or without one."""

    browser: FlaskClient
    token: str | None = None

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        """Send a request below /api/v1."""
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.browser.open(BASE + path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        """GET."""
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        """POST."""
        return self.ask("POST", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        """PUT."""
        return self.ask("PUT", path, **options)


def program_of(app: Flask, user: User | None, scopes: list[str] | None = None) -> Program:
    """A program that acts for this person, with all that they may do or these scopes."""
    if user is None:
        return Program(app.test_client())
    wanted = scopes or [scope.value for scope in scopes_for(user)]
    return Program(app.test_client(), bearer.issue(user, wanted))
