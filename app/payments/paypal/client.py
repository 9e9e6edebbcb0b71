"""PayPal's own client, with what it lacks.

The SDK sets no time-out, keeps an expired token and opens a connection per call.
"""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

import requests
from paypalcheckoutsdk.core import AccessTokenRequest, PayPalEnvironment, PayPalHttpClient
from paypalhttp import HttpError
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

CONNECT_SECONDS = 3.05
READ_SECONDS = 20.0
UNAUTHORIZED = 401


class _ClosedWhileIdle(Retry):
    """Ask once more over a new connection when the kept one was closed; never after a time-out.

    Safe for every call that is not to go once: those that change something bear a request id.
    """

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> Self:
        """Count the failure, or raise it."""
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, *rest, **named)


class TimedClient(PayPalHttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's client with time-outs, a connection per thread, and a fresh token after a 401."""

    def __init__(self, environment: PayPalEnvironment) -> None:
        super().__init__(environment)
        self._local = threading.local()

    def execute(self, request: Any) -> Any:
        """Send a request as the SDK does; HttpError for a refusal, requests' errors for silence."""
        try:
            return self._send(request)
        except HttpError as error:
            if error.status_code != UNAUTHORIZED or isinstance(request, AccessTokenRequest):
                raise
            self._access_token = None
            return self._send(request)

    def _send(self, request: Any) -> Any:
        ready = copy.deepcopy(request)
        for injector in self._injectors:
            injector(ready)
        headers = self.format_headers(ready.headers)
        headers.setdefault("user-agent", self.get_user_agent())
        data = None
        if isinstance(getattr(ready, "body", None), bytes):
            data = ready.body
        elif getattr(ready, "body", None) is not None:
            ready.headers = headers
            data = self.encoder.serialize_request(ready)
        with self._connection(is_once=getattr(request, "is_once", False)) as session:
            answer = session.request(
                ready.verb,
                self.environment.base_url + ready.path,
                headers=headers,
                data=data,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        return self.parse_response(answer)

    @contextmanager
    def _connection(self, *, is_once: bool) -> Iterator[requests.Session]:
        """The thread's own session; a new one, which sends nothing twice, for what goes once."""
        if not is_once:
            yield self._session()
            return
        with self._new_session(Retry(0, read=False)) as session:
            yield session

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            retries = _ClosedWhileIdle(total=1, allowed_methods=None)
            self._local.session = self._new_session(retries)
        return cast(requests.Session, self._local.session)

    def _new_session(self, retries: Retry) -> requests.Session:
        session = requests.Session()
        adapter = HTTPAdapter(max_retries=retries)
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)
        # What the environment says of proxies and certificates is read once, not for each call.
        found = session.merge_environment_settings(
            self.environment.base_url, {}, stream=None, verify=None, cert=None
        )
        session.proxies, session.verify = found["proxies"], found["verify"]
        session.trust_env = False
        return session
