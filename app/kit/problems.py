"""One place turns errors into answers: a page, an htmx fragment, or an RFC 9457 problem."""

import logging
import uuid
from http import HTTPStatus

from flask import (
    Flask,
    Response,
    current_app,
    jsonify,
    make_response,
    render_template,
    request,
    url_for,
)
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError

from app.kit import csrf, headers, htmx, i18n
from app.kit.db import sqlstate, undo
from app.kit.errors import AppError, Kind
from app.kit.requests import is_api
from app.kit.returning import page_before, sent_fields

log = logging.getLogger(__name__)

STATUS = {
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.GONE: HTTPStatus.GONE,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.PRECONDITION_FAILED: HTTPStatus.PRECONDITION_FAILED,
    Kind.PRECONDITION_REQUIRED: HTTPStatus.PRECONDITION_REQUIRED,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
PROBLEM_TYPE = "application/problem+json"  # RFC 9457, section 3
# Database refusals of a value itself: characters or numbers that no column can hold.
_DATA_EXCEPTION = "22"
_RETRY_SECONDS = 5


def wants_json() -> bool:
    """Whether a program asks: below /api, or a request for JSON rather than a page."""
    if not current_app.config["SERVES_PAGES"]:
        return True
    accept = request.accept_mimetypes
    return is_api() or (accept["application/json"] > accept["text/html"] or request.is_json)


def init_app(app: Flask) -> None:
    """Answer every kind of error."""
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SecurityError, _strange_host)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeout, _unavailable)
    app.register_error_handler(RedisError, _unavailable)
    app.register_error_handler(Exception, _bug)


def problem(
    status: int,
    code: str,
    message: str,
    *,
    errors: dict[str, str] | None = None,
    retry_after: int | None = None,
) -> Response:
    """The answer to a refused request, in the face that the asker understands."""
    if wants_json():
        # The title of `about:blank` is the status' own name: RFC 9457, section 4.2.1.
        name = HTTPStatus(status).phrase
        body = {"type": "about:blank", "title": name, "status": status, "detail": message}
        response = jsonify({**body, "code": code, "errors": errors or {}})
        response.mimetype = PROBLEM_TYPE
    elif htmx.is_htmx():
        shown = _render("errors/_problem.html", status, _title(status), message, code)
        response = htmx.into_notices(shown)
    else:
        response = _render("errors/error.html", status, _title(status), message, code)
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="ByteShop"'  # RFC 6750, section 3
    response.headers["Cache-Control"] = "no-store"
    response.headers.add("Vary", f"{htmx.VARY}, Accept")
    return response


def _render(name: str, status: int, title: str, message: str, code: str) -> Response:
    context = {
        "status": status,
        "title": title,
        "message": message,
        "code": code,
        "before": page_before(),
        "fields": sent_fields(),
    }
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return make_response(render_template(name, **context))
    # Without what the application adds to every page: it may need what is broken.
    template = current_app.jinja_env.get_template(name)
    return make_response(template.render(**context, locale=i18n.locale()))


def _title(status: int) -> str:
    titles = {
        400: _("Bad request"),
        401: _("Please log in"),
        403: _("No access"),
        404: _("Not found"),
        405: _("Method not allowed"),
        409: _("That isn't possible right now"),
        410: _("No longer available"),
        412: _("It has changed in the meantime"),
        413: _("Too large"),
        422: _("Please check your input"),
        428: _("Version required"),
        429: _("Too many attempts"),
        500: _("Something went wrong on our side"),
        503: _("We'll be right back"),
    }
    return str(titles.get(status) or titles[500 if status >= 500 else 400])


def _app_error(error: AppError) -> Response:
    log.info("refused", extra={"code": error.code, "path": request.path})
    if error.kind is Kind.UNAUTHENTICATED and not wants_json():
        is_page = request.method == "GET" and not htmx.is_htmx()
        target = request.full_path.rstrip("?") if is_page else page_before()
        response = htmx.redirect_to(url_for("auth.login", next=target))
        return make_response(response)
    return problem(
        STATUS[error.kind],
        error.code,
        error.message,
        errors=error.errors,
        retry_after=error.retry_after,
    )


def _csrf_error(_error: CSRFError) -> Response:
    code, message = "csrf", _("This page was open for too long. Please send the form again.")
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        code = "cookies_needed"
        message = _(
            "This page was open for too long, or your browser blocks cookies, which the shop "
            "needs. Please send the form again."
        )
    by_script = wants_json() or htmx.is_htmx()
    if not csrf.is_from_our_page():
        if code == "csrf" and not by_script:
            message = _(
                "This page was open for too long. Go back, reload it and send the form again."
            )
        return problem(HTTPStatus.FORBIDDEN, code, message)
    fields = None if by_script else sent_fields()
    if fields is not None:
        return _ask_to_send_again(message, fields)
    if csrf.is_page_of_another():
        message = _(
            "You are logged in to another account by now. Reload the page to go on with it."
        )
        return problem(HTTPStatus.FORBIDDEN, "another_login", message)
    return csrf.renew(problem(HTTPStatus.FORBIDDEN, code, message))


def _ask_to_send_again(message: str, fields: list[tuple[str, str]]) -> Response:
    page = render_template("errors/send_again.html", message=message, fields=fields)
    headers.no_store()
    return make_response(page, HTTPStatus.FORBIDDEN)


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status < HTTPStatus.BAD_REQUEST:
        return make_response(error.get_response())
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _bug(error)
    response = problem(status, f"http_{status}", _messages().get(status, error.name))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _strange_host(_error: SecurityError) -> Response:
    # No page: its links would be built for a host that is not ours.
    return Response(status=HTTPStatus.BAD_REQUEST)


def _messages() -> dict[int, str]:
    return {
        400: _("The request could not be read."),
        404: (
            _("There is nothing at this address, or you don't have access to it.")
            if is_api()
            else _("This page doesn't exist, or you don't have access to it.")
        ),
        405: _("This address doesn't accept this kind of request."),
        413: _too_large(),
        415: _("This type of content is not supported."),
    }


def _too_large() -> str:
    most = (request.max_content_length or 1) - 1
    if request.content_length is None or request.content_length > most:
        return str(_("That is too much at once. The limit is %(size)s.", size=i18n.size(most)))
    text = i18n.size(request.max_form_memory_size or 0)
    return str(_("The form has too many fields, or more than %(size)s of text.", size=text))


def _database_error(error: DBAPIError) -> Response:
    undo()  # nothing more can be read in this transaction
    # psycopg itself refuses a NUL, with no code of PostgreSQL's.
    if (sqlstate(error) or "").startswith(_DATA_EXCEPTION) or isinstance(error, DataError):
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "unreadable",
            _("A value contains characters that can't be stored."),
        )
    if isinstance(error, OperationalError):
        return _unavailable(error)
    return _bug(error)


def _unavailable(error: Exception) -> Response:
    log.error("a store can't be reached", exc_info=error)
    with force_locale(i18n.of_browser()):  # who it is can't be looked up
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            _("Part of the shop is unavailable right now. Please try again in a few seconds."),
            retry_after=_RETRY_SECONDS,
        )


def _bug(error: Exception) -> Response:
    number = uuid.uuid4().hex[:12]
    log.error("bug %s", number, exc_info=error)
    with force_locale(i18n.of_browser()):
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "bug",
            _("We have recorded it as error number %(number)s.", number=number),
        )
