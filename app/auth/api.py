"""JSON routes of people, below /api/v1/auth."""

from uuid import UUID

from flask import url_for
from flask_login import current_user

from app.auth import identity, queries
from app.auth.errors import NoSuchUser
from app.auth.models import User
from app.auth.queries import ApiKeyView
from app.auth.schemas import (
    AcceptedOut,
    ApiKeyIn,
    ApiKeyOut,
    ApiKeys,
    EmailIn,
    LinkIn,
    MeOut,
    NewApiKeyOut,
    PasswordIn,
    ProfileChange,
    RefreshIn,
    RegisterIn,
    ResetIn,
    SellerIn,
    TokenIn,
    TokenOut,
)
from app.auth.service import accounts, api_keys, credentials, refresh, selling, sessions
from app.auth.service.refresh import TokenPair
from app.kit.access import Access, allow
from app.kit.api.operations import Answer, api_blueprint, operation
from app.kit.requests import address, agent

blueprint = api_blueprint("auth_api", __name__, "auth")
SCOPE = "account"
ACCEPTED = AcceptedOut(accepted=True)


@blueprint.post("/register")
@allow(Access.PUBLIC)
@operation(answers=AcceptedOut, status=202)
def register(body: RegisterIn) -> AcceptedOut:
    """Create an account; the answer is the same whether or not the address has one."""
    accounts.register(
        email=body.email,
        password=body.password,
        display_name=body.display_name,
        locale=body.locale,
        address=address() or "",
    )
    return ACCEPTED


@blueprint.post("/confirm")
@allow(Access.PUBLIC)
@operation(answers=AcceptedOut, refusals=(410,))
def confirm(body: LinkIn) -> AcceptedOut:
    """Confirm an email address with the secret from the emailed link."""
    accounts.confirm_email(token=body.token)
    return ACCEPTED


@blueprint.post("/confirm/resend")
@allow(Access.PUBLIC)
@operation(answers=AcceptedOut, status=202)
def resend_confirmation(body: EmailIn) -> AcceptedOut:
    """Send the confirmation email again, if an account is waiting for it."""
    accounts.resend_confirmation(email=body.email, address=address() or "")
    return ACCEPTED


@blueprint.post("/password/forgot")
@allow(Access.PUBLIC)
@operation(answers=AcceptedOut, status=202)
def forgot_password(body: EmailIn) -> AcceptedOut:
    """Send an email with a link to set a new password, if the account exists."""
    credentials.request_password_reset(email=body.email, address=address() or "")
    return ACCEPTED


@blueprint.post("/password/reset")
@allow(Access.PUBLIC)
@operation(answers=AcceptedOut, refusals=(410,))
def reset_password(body: ResetIn) -> AcceptedOut:
    """Set a new password with the secret from the emailed link; all sessions and tokens end."""
    credentials.reset_password(token=body.token, password=body.password, address=address() or "")
    return ACCEPTED


@blueprint.post("/token")
@allow(Access.PUBLIC)
@operation(answers=TokenOut, refusals=(403,))
def token(body: TokenIn) -> TokenOut:
    """Log in: an access token for ten minutes and a refresh token."""
    return _tokens(
        refresh.log_in_for_tokens(
            email=body.email,
            password=body.password,
            address=address() or "",
            agent=agent(),
            scope=" ".join(body.scope) if body.scope else None,
        )
    )


def _tokens(pair: TokenPair) -> TokenOut:
    return TokenOut(
        token_type="Bearer",  # noqa: S106  # the name of a kind of token
        access_token=pair.access_token,
        expires_in=pair.expires_in,
        refresh_token=pair.refresh_token,
        scope=pair.scope,
    )


@blueprint.post("/token/refresh")
@allow(Access.PUBLIC)
@operation(answers=TokenOut, refusals=(401,))
def refresh_token(body: RefreshIn) -> TokenOut:
    """Get the next pair of tokens. Using a refresh token twice revokes the whole session."""
    return _tokens(refresh.refresh(refresh_token=body.refresh_token))


@blueprint.post("/token/revoke")
@allow(Access.PUBLIC)
@operation(answers=AcceptedOut)
def revoke_token(body: RefreshIn) -> AcceptedOut:
    """Revoke a refresh token and its session; unknown tokens are ignored (RFC 7009)."""
    refresh.revoke(refresh_token=body.refresh_token)
    return ACCEPTED


@blueprint.post("/logout-everywhere")
@allow(Access.USER, SCOPE)
@operation(answers=AcceptedOut)
def log_out_everywhere() -> AcceptedOut:
    """Log out everywhere: all sessions and tokens end; API keys stay."""
    sessions.log_out_everywhere(user_id=current_user.id)
    return ACCEPTED


@blueprint.get("/me")
@allow(Access.USER, SCOPE)
@operation(answers=MeOut)
def me() -> MeOut:
    """Get your account."""
    return _me(current_user)


def _me(user: User) -> MeOut:
    return MeOut.read(user, roles=sorted(user.role_names))


def _me_now() -> MeOut:
    user = queries.get_user(current_user.id)
    if user is None:
        raise NoSuchUser
    return _me(user)


@blueprint.patch("/me")
@allow(Access.USER, SCOPE)
@operation(answers=MeOut, refusals=(409,))
def change_me(body: ProfileChange) -> MeOut:
    """Change your display name or the language of emails."""
    changes = body.model_dump(exclude_unset=True)
    accounts.update_profile(
        user_id=current_user.id,
        display_name=changes.get("display_name", current_user.display_name),
        locale=changes.get("locale", current_user.locale),
    )
    return _me_now()


@blueprint.post("/password")
@allow(Access.USER, SCOPE)
@operation(answers=AcceptedOut)
def change_password(body: PasswordIn) -> AcceptedOut:
    """Change your password; all sessions and tokens end."""
    credentials.replace_password(
        user_id=current_user.id, current=body.current, new=body.new, address=address() or ""
    )
    return ACCEPTED


@blueprint.post("/seller")
@allow(Access.USER, SCOPE)
@operation(answers=MeOut, refusals=(409,))
def become_seller(body: SellerIn) -> MeOut:
    """Become a seller; needs your password. All sessions and tokens end."""
    selling.become_seller(
        user_id=current_user.id,
        display_name=body.display_name,
        paypal_email=body.paypal_email,
        password=body.password,
        address=address() or "",
    )
    return _me_now()


@blueprint.get("/api-keys")
@allow(Access.USER, SCOPE)
@operation(answers=ApiKeys)
def list_api_keys() -> ApiKeys:
    """List your active API keys."""
    return ApiKeys(items=[_key(key) for key in queries.api_keys_of(current_user.id)])


def _key(key: ApiKeyView) -> ApiKeyOut:
    return ApiKeyOut.read(
        key,
        scopes=sorted(key.scopes),
    )


@blueprint.post("/api-keys")
@allow(Access.USER, SCOPE)
@operation(answers=NewApiKeyOut, status=201)
def create_api_key(body: ApiKeyIn) -> Answer:
    """Create an API key. Not available to API keys: log in for a token."""
    identity.insist_on_login()
    identity.insist_on_scopes(body.scopes)
    key_id, key = api_keys.create_api_key(
        user_id=current_user.id,
        name=body.name,
        scopes=body.scopes,
        expires_in_days=body.expires_in_days,
    )
    return Answer(NewApiKeyOut(id=key_id, key=key), location=url_for(".list_api_keys"))


@blueprint.delete("/api-keys/<uuid:key_id>")
@allow(Access.USER, SCOPE)
@operation(status=204)
def revoke_api_key(key_id: UUID) -> None:
    """Revoke an API key."""
    api_keys.revoke_api_key(user_id=current_user.id, key_id=key_id)
