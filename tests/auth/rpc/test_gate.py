"""Whoever asks through the gate gets the same answers in-process and over gRPC."""

import threading
from collections.abc import Callable
from datetime import timedelta
from queue import Queue
from uuid import UUID

import pytest
from sqlalchemy import update

from app.auth import queries
from app.auth.errors import NoSuchUser
from app.auth.gate import MAX_USERS, Gate, Person, Revocation, TooManyUsers
from app.auth.models import LoginSession, Role, User
from app.auth.policy import Permission
from app.auth.service import api_keys, moderation, refresh, sessions, signing
from app.extensions import db
from app.kit.db import NestedNetworkError, db_now, end_read, session, transactional
from app.kit.errors import Unavailable
from app.kit.ids import new_id
from tests.auth.rpc.conftest import logged_in
from tests.factories.auth import PASSWORD, make_user

SECONDS = 10


def epoch_of(user: User) -> int:
    fresh = queries.get_user(user.id, fresh=True)
    end_read()
    assert fresh is not None
    return fresh.session_epoch


class TestSession:
    def test_of_a_browser_tells_whose_it_is(self, gate: Gate) -> None:
        user = make_user(roles=("seller",), display_name="Лена", locale="ru")
        proof = gate.validate_session(logged_in(user))
        assert proof is not None
        assert proof.person == Person(user.id, "Лена", "ru", frozenset({Role.SELLER}), False, 1)
        assert proof.expires_at is not None
        left = proof.expires_at - db_now()
        assert timedelta(days=13, hours=23) < left <= timedelta(days=14)

    def test_may_do_what_its_owner_may(self, gate: Gate) -> None:
        buyer = gate.validate_session(logged_in(make_user()))
        seller = gate.validate_session(logged_in(make_user(roles=("seller",))))
        admin = gate.validate_session(logged_in(make_user(roles=("admin",))))
        assert buyer is not None
        assert seller is not None
        assert admin is not None
        assert "account" in buyer.scopes
        assert not {"products", "sales", "webhooks", "admin"} & buyer.scopes
        assert {"products", "sales"} <= seller.scopes
        assert "admin" in admin.scopes

    @pytest.mark.parametrize(
        "act",
        [
            lambda user, _login: moderation.ban_user(user_id=user.id),
            lambda user, _login: moderation.grant_role(user_id=user.id, role=Role.ADMIN),
            lambda user, _login: sessions.log_out_everywhere(user_id=user.id),
            lambda _user, login: sessions.log_out(session_id=login),
            lambda user, login: sessions.end_session(user_id=user.id, session_id=login),
        ],
        ids=["ban", "role", "everywhere", "log-out", "by its owner"],
    )
    def test_that_has_ended_is_no_good(self, gate: Gate, act: Callable[[User, UUID], None]) -> None:
        user = make_user()
        login = logged_in(user)
        assert gate.validate_session(login)
        act(user, login)
        end_read()
        assert gate.validate_session(login, fresh=True) is None

    def test_idle_for_too_long_is_no_good(self, gate: Gate) -> None:
        login = logged_in(make_user())
        idle = queries.IDLE + timedelta(minutes=1)
        db.session.execute(update(LoginSession).values(seen_at=LoginSession.seen_at - idle))
        db.session.commit()
        assert gate.validate_session(login) is None

    def test_unknown_is_no_good(self, gate: Gate) -> None:
        assert gate.validate_session(new_id()) is None


class TestToken:
    def test_of_a_program_tells_whose_it_is(self, gate: Gate) -> None:
        user = make_user()
        pair = refresh.log_in_for_tokens(
            email=user.email,
            password=PASSWORD,
            address="192.0.2.1",
            agent="",
            scope="orders",
        )
        proof = gate.validate_token(pair.access_token)
        assert proof is not None
        assert proof.person == gate.get_user(user.id)
        assert proof.scopes == {"orders"}
        assert proof.expires_at is not None
        assert timedelta(minutes=9) < proof.expires_at - db_now() <= timedelta(minutes=10)
        end_read()
        gate.ban_user(user.id)
        assert gate.validate_token(pair.access_token) is None

    def test_is_known_as_soon_as_its_signing_key_is(self, gate: Gate) -> None:
        user = make_user()

        def token() -> str:
            return refresh.log_in_for_tokens(
                email=user.email, password=PASSWORD, address="192.0.2.1", agent="", scope=None
            ).access_token

        before = token()
        assert gate.validate_token(before)
        signing.rotate()
        assert gate.validate_token(token())
        assert gate.validate_token(before, fresh=True)

    def test_key_ends_with_its_revocation(self, gate: Gate) -> None:
        user = make_user(roles=("seller",))
        key_id, key = api_keys.create_api_key(
            user_id=user.id, name="Script", scopes=["products"], expires_in_days=None
        )
        proof = gate.validate_token(key)
        assert proof is not None
        assert proof.person.id == user.id
        assert proof.scopes == {"products"}
        assert proof.expires_at is None
        gate.revoke_role(user.id, Role.SELLER)
        now = gate.validate_token(key, fresh=True)
        assert now is not None
        assert now.scopes == frozenset()
        api_keys.revoke_api_key(user_id=user.id, key_id=key_id)
        assert gate.validate_token(key, fresh=True) is None

    @pytest.mark.parametrize(
        "token",
        ["", "nonsense", "a.b.c", "bsk_00000000_nothing", "\x00", "é", "\ud800", "x" * 9000],
    )
    def test_unknown_is_no_good(self, gate: Gate, token: str) -> None:
        assert gate.validate_token(token) is None


class TestPeople:
    def test_one(self, gate: Gate) -> None:
        user = make_user(roles=("admin", "moderator"))
        person = gate.get_user(user.id)
        assert person.id == user.id
        assert person.display_name == user.display_name
        assert person.roles == {Role.ADMIN, Role.MODERATOR}
        assert not person.banned

    def test_several(self, gate: Gate) -> None:
        users = [make_user() for _ in range(3)]
        found = gate.get_users([*(user.id for user in users), new_id()])
        assert found == {user.id: gate.get_user(user.id) for user in users}
        assert gate.get_users([]) == {}

    def test_not_too_many_at_once(self, gate: Gate) -> None:
        assert gate.get_users([new_id() for _ in range(MAX_USERS)]) == {}
        with pytest.raises(TooManyUsers):
            gate.get_users([new_id() for _ in range(MAX_USERS + 1)])

    def test_unknown_is_told_alike_in_every_call(self, gate: Gate) -> None:
        nobody = new_id()
        for call in (
            lambda: gate.get_user(nobody),
            lambda: gate.check_permission(nobody, Permission.BUY),
            lambda: gate.ban_user(nobody),
            lambda: gate.unban_user(nobody),
            lambda: gate.grant_role(nobody, Role.SELLER),
            lambda: gate.revoke_role(nobody, Role.SELLER),
        ):
            with pytest.raises(NoSuchUser):
                call()


class TestPermission:
    @pytest.mark.parametrize(
        ("roles", "allowed"),
        [
            ((), {Permission.BUY}),
            (("seller",), {Permission.BUY, Permission.SELL}),
            (("moderator",), {Permission.BUY, Permission.MODERATE}),
            (("admin",), {Permission.BUY, Permission.MODERATE, Permission.ADMINISTER}),
        ],
    )
    def test_follows_the_roles(
        self, gate: Gate, roles: tuple[str, ...], allowed: set[Permission]
    ) -> None:
        user = make_user(roles=roles)
        assert {one for one in Permission if gate.check_permission(user.id, one)} == allowed
        gate.ban_user(user.id)
        assert not any(gate.check_permission(user.id, one) for one in Permission)

    def test_to_buy_needs_a_confirmed_address(self, gate: Gate) -> None:
        assert not gate.check_permission(make_user(confirmed=False).id, Permission.BUY)


class TestChange:
    def test_ban_ends_logins_and_can_be_lifted(self, gate: Gate) -> None:
        user = make_user()
        login = logged_in(user)
        assert gate.validate_session(login)
        assert gate.ban_user(user.id).banned
        assert gate.validate_session(login) is None
        assert gate.ban_user(user.id).session_epoch == 2  # once is enough
        assert not gate.unban_user(user.id).banned
        assert gate.validate_session(login) is None
        assert gate.validate_session(logged_in(user))

    def test_role_is_given_and_taken(self, gate: Gate) -> None:
        user = make_user()
        login = logged_in(user)
        assert gate.validate_session(login)
        assert gate.grant_role(user.id, Role.SELLER).roles == {Role.SELLER}
        assert gate.validate_session(login) is None
        assert gate.revoke_role(user.id, Role.SELLER).roles == frozenset()
        assert epoch_of(user) == 3


class Watching:
    """Somebody who watches revocations in a thread of their own."""

    def __init__(self, gate: Gate, app_context: Callable[[], object]) -> None:
        self.heard: Queue[Revocation | type[Exception] | None] = Queue()
        self._gate = gate
        self._app_context = app_context
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        assert self.heard.get(timeout=SECONDS) is None  # from here on nothing is missed

    def _watch(self) -> None:
        with self._app_context():  # type: ignore[attr-defined]
            try:
                for news in self._gate.watch_revocations():
                    self.heard.put(news)
            except Unavailable:
                self.heard.put(Unavailable)

    def next_news(self) -> Revocation | type[Exception]:
        while True:
            news = self.heard.get(timeout=SECONDS)
            if news is not None:
                return news


class TestWatch:
    def test_tells_of_everything_that_ends_a_login(self, gate: Gate, app) -> None:
        user = make_user()
        first, second = logged_in(user), logged_in(user)
        watching = Watching(gate, app.app_context)
        sessions.log_out(session_id=first)
        assert watching.next_news() == Revocation(user.id, 1)
        sessions.end_session(user_id=user.id, session_id=second)
        assert watching.next_news() == Revocation(user.id, 1)
        sessions.log_out_everywhere(user_id=user.id)
        assert watching.next_news() == Revocation(user.id, 2)
        gate.grant_role(user.id, Role.MODERATOR)
        assert watching.next_news() == Revocation(user.id, 3)
        gate.ban_user(user.id)
        assert watching.next_news() == Revocation(user.id, 4)

    def test_tells_of_a_key_that_was_revoked(self, gate: Gate, app) -> None:
        user = make_user()
        key_id, _key = api_keys.create_api_key(user_id=user.id, name="Script", scopes=["account"])
        watching = Watching(gate, app.app_context)
        api_keys.revoke_api_key(user_id=user.id, key_id=key_id)
        assert watching.next_news() == Revocation(user.id, 1)

    def test_hears_that_nothing_happens(self, gate: Gate, app, monkeypatch) -> None:
        monkeypatch.setattr("app.auth.gate.HEARTBEAT_SECONDS", 0.1)
        watching = Watching(gate, app.app_context)
        assert watching.heard.get(timeout=SECONDS) is None

    def test_ends_when_the_door_is_closed(self, gate: Gate, app) -> None:
        watching = Watching(gate, app.app_context)
        gate.close()
        assert watching.next_news() is Unavailable


def test_nothing_is_asked_inside_a_transaction(gate: Gate) -> None:
    @transactional
    def use_case() -> None:
        session().get(User, new_id())
        gate.get_user(new_id())

    with pytest.raises(NestedNetworkError):
        use_case()
