"""The page that says that a mail is on its way: led to, so that a reload sends no second one."""

from flask import session, url_for
from flask.typing import ResponseReturnValue

from app.auth.models import MailPurpose
from app.auth.views import blueprint
from app.kit.access import Access, allow
from app.kit.headers import no_store
from app.kit.htmx import page, redirect_to

_MAILED = "mailed"


def tell(email: str, purpose: MailPurpose) -> ResponseReturnValue:
    """Lead to the page; it says the same whether the address has an account or not."""
    session[_MAILED] = (email.strip(), purpose.value)
    return redirect_to(url_for("auth.check_mail"))


@blueprint.get("/check-mail")
@allow(Access.PUBLIC)
def check_mail() -> ResponseReturnValue:
    """Say what was mailed last from this browser."""
    no_store()
    if _MAILED not in session:
        return redirect_to(url_for("auth.login"))
    email, purpose = session[_MAILED]
    return page("auth/check_mail.html", email=email, purpose=purpose)
