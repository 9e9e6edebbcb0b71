"""Logging in as a program: tokens, their families, keys, and what is no token."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.errors import BadToken
from app.auth.service import api_keys, bearer, credentials, moderation, refresh, sessions, signing
from app.extensions import db
from app.kit.db import session
from app.kit.errors import Invalid
from tests.factories.auth import PASSWORD, make_user
from tests.support.programs import Program, program_of
from tests.support.sale import in_parallel

CLAIMS = ("iss", "aud", "sub", "jti", "ver", "typ", "scope", "iat", "nbf", "exp")


def log_in(browser: FlaskClient, email: str, **more: object):  # type: ignore[no-untyped-def]
    return Program(browser).post("/auth/token", json={"email": email, "password": PASSWORD, **more})


class TestAccess:
    def test_a_login_gives_tokens_that_work(self, client: FlaskClient) -> None:
        user = make_user(roles=("seller",))
        answer = log_in(client, user.email)
        assert answer.status_code == 200
        assert answer.json["token_type"] == "Bearer"
        assert answer.json["expires_in"] == 600
        assert answer.json["scope"].split() == [
            "account",
            "orders",
            "products",
            "sales",
            "webhooks",
            "reviews",
            "notifications",
            "chats:read",
            "chats:write",
        ]
        me = Program(client, answer.json["access_token"]).get("/auth/me")
        assert me.status_code == 200
        assert me.json["email"] == user.email
        assert "Set-Cookie" not in me.headers

    def test_claims_are_those_of_rfc_9068(self, client: FlaskClient) -> None:
        user = make_user()
        token = log_in(client, user.email).json["access_token"]
        [key] = client.get("/.well-known/jwks.json").json["keys"]
        header = jwt.get_unverified_header(token)
        assert (header["typ"], header["alg"], header["kid"]) == ("at+jwt", "EdDSA", key["kid"])
        claims = jwt.decode(
            token, jwt.PyJWK(key).key, algorithms=["EdDSA"], audience="byteshop-api"
        )
        assert set(claims) == set(CLAIMS)
        assert claims["sub"] == str(user.id)
        assert claims["exp"] - claims["iat"] == 600

    def test_wrong_password_and_unknown_address_are_alike(self, client: FlaskClient) -> None:
        user = make_user()
        wrong, unknown = (
            Program(client).post("/auth/token", json={"email": email, "password": "wrong"})
            for email in (user.email, "nobody@example.com")
        )
        assert wrong.status_code == unknown.status_code == 422
        assert wrong.json == unknown.json
        assert wrong.json["code"] == "wrong_credentials"

    def test_scopes_narrow_what_a_token_may(self, client: FlaskClient) -> None:
        user = make_user(roles=("seller",))
        token = log_in(client, user.email, scope=["sales"]).json["access_token"]
        program = Program(client, token)
        assert program.get("/payments/sales").status_code == 200
        refused = program.get("/products/mine")
        assert refused.status_code == 403
        assert refused.json["code"] == "insufficient_scope"

    def test_scopes_beyond_the_roles_are_refused(self, client: FlaskClient) -> None:
        answer = log_in(client, make_user().email, scope=["admin"])
        assert answer.status_code == 422
        assert answer.json["errors"].keys() == {"scope"}

    def test_a_cookie_never_counts(self, login) -> None:  # type: ignore[no-untyped-def]
        browser = login(make_user())
        assert browser.get("/auth/profile").status_code == 200
        assert browser.get("/api/v1/auth/me").status_code == 401

    @pytest.mark.parametrize(
        "end",
        [
            lambda user: moderation.ban_user(user_id=user.id),
            lambda user: sessions.log_out_everywhere(user_id=user.id),
            lambda user: moderation.grant_role(user_id=user.id, role="moderator"),
            lambda user: credentials.replace_password(
                user_id=user.id, current=PASSWORD, new="quite another horse", address=""
            ),
        ],
        ids=["ban", "log out everywhere", "role", "password"],
    )
    def test_a_new_epoch_ends_tokens_at_once(self, app: Flask, client: FlaskClient, end) -> None:  # type: ignore[no-untyped-def]
        user = make_user()
        pair = log_in(client, user.email).json
        end(user)
        assert Program(client, pair["access_token"]).get("/auth/me").status_code == 401
        again = Program(client).post(
            "/auth/token/refresh", json={"refresh_token": pair["refresh_token"]}
        )
        assert again.status_code == 401


class TestRefresh:
    def test_each_token_is_spent_once(self, client: FlaskClient) -> None:
        pair = log_in(client, make_user().email).json
        renewed = Program(client).post(
            "/auth/token/refresh", json={"refresh_token": pair["refresh_token"]}
        )
        assert renewed.status_code == 200
        assert renewed.json["refresh_token"] != pair["refresh_token"]
        assert Program(client, renewed.json["access_token"]).get("/auth/me").status_code == 200

    def test_a_reused_token_ends_its_family_and_warns(self, client, drain) -> None:  # type: ignore[no-untyped-def]
        user = make_user()
        pair = log_in(client, user.email).json
        newer = refresh.refresh(refresh_token=pair["refresh_token"])
        with pytest.raises(BadToken):
            refresh.refresh(refresh_token=pair["refresh_token"])
        with pytest.raises(BadToken):
            refresh.refresh(refresh_token=newer.refresh_token)
        listeners = session().scalars(text("SELECT listener FROM outbox")).all()
        assert [name for name in listeners if "refresh_token_reused" in name]

    def test_two_at_once_leave_no_live_pair(self, app: Flask, client: FlaskClient) -> None:
        pair = log_in(client, make_user().email).json

        def spend() -> refresh.TokenPair:
            return refresh.refresh(refresh_token=pair["refresh_token"])

        results = in_parallel(app, [spend] * 2)
        won = [one for one in results if isinstance(one, refresh.TokenPair)]
        assert len(won) == 1
        with pytest.raises(BadToken):
            refresh.refresh(refresh_token=won[0].refresh_token)

    def test_revoked_is_over_and_unknown_is_silent(self, client: FlaskClient) -> None:
        pair = log_in(client, make_user().email).json
        for token in (pair["refresh_token"], "nothing"):
            answer = Program(client).post("/auth/token/revoke", json={"refresh_token": token})
            assert answer.status_code == 200
        with pytest.raises(BadToken):
            refresh.refresh(refresh_token=pair["refresh_token"])

    def test_no_secret_is_kept_in_clear(self, app: Flask, client: FlaskClient) -> None:
        user = make_user()
        pair = log_in(client, user.email).json
        _key_id, key = api_keys.create_api_key(user_id=user.id, name="Key", scopes=["orders"])
        for table in ("refresh_token", "token_family", "api_key", "signing_key", "outbox"):
            rows = str(session().execute(text(f"SELECT * FROM {table}")).all())
            for secret in (pair["refresh_token"], key, key.removeprefix("bsk_")):
                assert secret not in rows


class TestRotation:
    def test_one_rotation_keeps_tokens_two_end_them(self, app: Flask) -> None:
        token = bearer.issue(make_user(), ["account"])
        signing.rotate()
        assert bearer.verify(token).scopes == {"account"}
        assert len(signing.live_keys()) == 2
        signing.rotate()
        with pytest.raises(BadToken):
            bearer.verify(token)

    def test_command_says_the_new_key(self, app: Flask, client: FlaskClient) -> None:
        said = app.test_cli_runner().invoke(args=["rotate-signing-key"]).output
        app.extensions.pop("key_ring", None)
        [newest, *_older] = client.get("/.well-known/jwks.json").json["keys"]
        assert newest["kid"] in said


class TestApiKeys:
    def test_a_key_works_is_listed_and_ends(self, app: Flask, client: FlaskClient) -> None:
        user = make_user()
        person = program_of(app, user)
        made = person.post("/auth/api-keys", json={"name": "Robot", "scopes": ["account"]})
        assert made.status_code == 201
        robot = Program(client, made.json["key"])
        assert robot.get("/auth/me").json["id"] == str(user.id)
        assert robot.get("/order/basket").json["code"] == "insufficient_scope"
        [listed] = person.get("/auth/api-keys").json["items"]
        assert made.json["key"].startswith(listed["prefix"])
        assert listed["last_used_at"]
        assert made.json["key"] not in person.get("/auth/api-keys").text
        assert person.ask("DELETE", f"/auth/api-keys/{listed['id']}").status_code == 204
        assert robot.get("/auth/me").status_code == 401

    def test_a_key_makes_no_keys(self, app: Flask, client: FlaskClient) -> None:
        _key_id, key = api_keys.create_api_key(
            user_id=make_user().id, name="Robot", scopes=["account"]
        )
        body = {"name": "Child", "scopes": ["account"]}
        assert Program(client, key).post("/auth/api-keys", json=body).status_code == 403

    def test_a_token_makes_no_key_that_may_do_more(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        program = program_of(app, seller, ["account"])
        refused = program.post("/auth/api-keys", json={"name": "Robot", "scopes": ["sales"]})
        assert (refused.status_code, refused.json["code"]) == (403, "insufficient_scope")
        made = program.post("/auth/api-keys", json={"name": "Robot", "scopes": ["account"]})
        assert made.status_code == 201

    def test_a_ban_ends_it_a_password_does_not(self, app: Flask) -> None:
        user = make_user()
        _key_id, key = api_keys.create_api_key(user_id=user.id, name="Robot", scopes=["account"])
        credentials.replace_password(
            user_id=user.id, current=PASSWORD, new="quite another horse", address=""
        )
        assert bearer.verify(key).user.id == user.id
        moderation.ban_user(user_id=user.id)
        with pytest.raises(BadToken):
            bearer.verify(key)

    def test_its_time_ends_it(self, app: Flask) -> None:
        key_id, key = api_keys.create_api_key(
            user_id=make_user().id, name="Robot", scopes=["account"], expires_in_days=1
        )
        session().execute(
            text("UPDATE api_key SET expires_at = now() - interval '1 second' WHERE id = :id"),
            {"id": key_id},
        )
        db.session.commit()
        with pytest.raises(BadToken):
            bearer.verify(key)

    def test_a_lost_role_takes_its_scopes(self, app: Flask, client: FlaskClient) -> None:
        user = make_user(roles=("seller",))
        _key_id, key = api_keys.create_api_key(user_id=user.id, name="Robot", scopes=["sales"])
        moderation.revoke_role(user_id=user.id, role="seller")
        assert bearer.verify(key).scopes == frozenset()
        assert Program(client, key).get("/payments/sales").status_code == 403

    def test_strangers_keys_are_not_found(self, app: Flask) -> None:
        key_id, _key = api_keys.create_api_key(
            user_id=make_user().id, name="Robot", scopes=["account"]
        )
        stranger = program_of(app, make_user())
        assert stranger.ask("DELETE", f"/auth/api-keys/{key_id}").status_code == 404

    def test_scopes_must_be_ones_own(self, app: Flask) -> None:
        with pytest.raises(Invalid):
            api_keys.create_api_key(user_id=make_user().id, name="Robot", scopes=["admin"])

    def test_there_is_an_end_to_them(self, app: Flask) -> None:
        program = program_of(app, make_user())
        body = {"name": "Robot", "scopes": ["account"]}
        statuses = [program.post("/auth/api-keys", json=body).status_code for _n in range(21)]
        assert statuses == [201] * 20 + [409]


def _segment(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class Forge:
    """What a forger can make, who knows all that is public and one token that was good."""

    def __init__(self, app: Flask) -> None:
        self.user = make_user()
        self.key = signing.live_keys()[0]
        now = datetime.now(UTC)
        self.claims = {
            "iss": app.config["PUBLIC_URL"], "aud": bearer.AUDIENCE, "sub": str(self.user.id),
            "jti": "1", "ver": 1, "typ": "access", "scope": "account", "iat": now, "nbf": now,
            "exp": now + timedelta(minutes=5),
        }  # fmt: skip
        self.header = {"kid": self.key.kid, "typ": "at+jwt"}

    def sign(
        self, header: object = None, key: object = None, alg: str = "EdDSA", **claims: object
    ) -> str:
        """A token with these claims instead; None takes one away."""
        kept = {name: v for name, v in {**self.claims, **claims}.items() if v is not None}
        return jwt.encode(
            kept, key or self.key.private, algorithm=alg, headers=header or self.header
        )


def _public_pem(forge: Forge) -> bytes:
    return forge.key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _hs_by_public_key(forge: Forge) -> str:
    """PyJWT refuses to make this one, so it is made by hand."""
    claims = {
        **forge.claims,
        **{n: int(forge.claims[n].timestamp()) for n in ("iat", "nbf", "exp")},
    }
    signed = f"{_segment({'alg': 'HS256', **forge.header})}.{_segment(claims)}"
    mac = hmac.new(_public_pem(forge), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _unsigned(forge: Forge) -> str:
    claims = {
        **forge.claims,
        **{n: int(forge.claims[n].timestamp()) for n in ("iat", "nbf", "exp")},
    }
    return f"{_segment({'alg': 'none', **forge.header})}.{_segment(claims)}."


def _without(forge: Forge, name: str) -> str:
    return forge.sign(**{name: None})


def _past(minutes: int) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


FORGERIES = {
    "no signature": _unsigned,
    "HMAC by the public key": _hs_by_public_key,
    "RSA": lambda f: f.sign(key=rsa.generate_private_key(65537, 2048), alg="RS256"),
    "foreign key, our id": lambda f: f.sign(key=ed25519.Ed25519PrivateKey.generate()),
    "unknown key": lambda f: f.sign({**f.header, "kid": str(uuid4())}),
    "no key id": lambda f: f.sign({"typ": "at+jwt"}),
    "key id is a path": lambda f: f.sign({**f.header, "kid": "../../etc/passwd"}),
    "key in the header": lambda f: f.sign(
        {"typ": "at+jwt", "jwk": {"kty": "oct", "k": "AAAA"}, "jku": "http://evil.example"}
    ),
    "type of another token": lambda f: f.sign({**f.header, "typ": "JWT"}),
    "another audience": lambda f: f.sign(aud="another"),
    "several audiences": lambda f: f.sign(aud=[bearer.AUDIENCE, "another"]),
    "another issuer": lambda f: f.sign(iss="https://evil.example"),
    "too old": lambda f: f.sign(exp=_past(1)),
    "not yet": lambda f: f.sign(nbf=datetime.now(UTC) + timedelta(minutes=5)),
    "from the future": lambda f: f.sign(iat=datetime.now(UTC) + timedelta(minutes=5)),
    "old epoch": lambda f: f.sign(ver=0),
    "epoch as text": lambda f: f.sign(ver="1"),
    "epoch as a flag": lambda f: f.sign(ver=True),
    "nobody": lambda f: f.sign(sub=str(uuid4())),
    "no id": lambda f: f.sign(sub="admin"),
    "another kind": lambda f: f.sign(typ="refresh"),
    "scope as a list": lambda f: f.sign(scope=["account"]),
    **{f"without {name}": partial(_without, name=name) for name in CLAIMS},
    "cut off": lambda f: f.sign()[:-2],
    "other claims, old signature": lambda f: ".".join(
        [f.sign().split(".")[0], _segment({"sub": "x"}), f.sign().split(".")[2]]
    ),
    "three dots": lambda _f: "..",
    "nothing like it": lambda _f: "Zm9v.Zm9v",
    "huge": lambda f: f.sign(jti="x" * 100_000),
    "a key of nobody": lambda _f: "bsk_" + "A" * 43,
    "a key's mark": lambda _f: "bsk_",
    "not ASCII": lambda _f: "\u043a\u043b\u044e\u0447",
    "a NUL": lambda _f: "bsk_\x00",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_tokens_are_refused(app: Flask, client: FlaskClient, forgery: str) -> None:
    forge = Forge(app)
    assert bearer.verify(forge.sign()).user.id == forge.user.id  # the forge works
    token = FORGERIES[forgery](forge)
    with pytest.raises(BadToken):
        bearer.verify(token)
    if token.isascii() and token.isprintable() and len(token) < 5000:
        assert Program(client, token).get("/auth/me").status_code == 401


def test_a_refresh_token_is_no_access_token(client: FlaskClient) -> None:
    pair = log_in(client, make_user().email).json
    assert Program(client, pair["refresh_token"]).get("/auth/me").status_code == 401
