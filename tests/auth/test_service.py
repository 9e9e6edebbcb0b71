import threading
import unicodedata
from collections.abc import Callable
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import func, select, text, update

from app.auth import queries
from app.auth.errors import (
    AlreadySeller,
    Banned,
    DeadLink,
    NameReserved,
    NameTaken,
    NoSuchSession,
    NotConfirmed,
    NotSeller,
    NotYourself,
    TooManyLogins,
    WrongCredentials,
    WrongPassword,
)
from app.auth.models import KnownNetwork, LoginSession, MailPurpose, MailToken, Role, User
from app.auth.service import (
    accounts,
    credentials,
    mail_links,
    moderation,
    refresh,
    selling,
    sessions,
)
from app.kit.db import session
from app.kit.errors import AppError, Invalid, TooMany
from app.kit.ids import new_id
from app.kit.retention import drop_old
from tests.factories.auth import PASSWORD, make_user
from tests.support.inbox import Inbox, path_in

NEW_PASSWORD = "seven-green-tractors"
HOME = "203.0.113.7"


def enter(user: User, password: str = PASSWORD, address: str = HOME) -> str:
    return sessions.log_in(email=user.email, password=password, address=address, agent="Firefox")


def visit_of(secret: str) -> queries.Visit:
    found = queries.visit(secret)
    assert found
    return found


def is_in(secret: str) -> bool:
    return queries.visit(secret) is not None


def enroll(email: str, password: str = PASSWORD, address: str = HOME) -> None:
    accounts.register(
        email=email, password=password, display_name="Nadia", locale="en", address=address
    )


def in_parallel(app: Flask, work: Callable[[int], object], times: int) -> list[object]:
    """What `work` returned or raised, in as many threads as times, begun together."""
    results: list[object] = [None] * times
    barrier = threading.Barrier(times)

    def run(number: int) -> None:
        with app.app_context():
            barrier.wait()
            try:
                results[number] = work(number)
            except AppError as error:
                results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The costly calls of argon2, counted on their way."""
    calls: list[str] = []
    for name in ("hash", "verify"):
        original = getattr(PasswordHasher, name)

        def counted(self, *args, _original=original, _name=name, **kwargs):
            calls.append(_name)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(PasswordHasher, name, counted)
    return calls


class TestRegister:
    def test_a_new_address_gets_an_account_that_waits_for_confirmation(self, app):
        enroll("Nadia@Example.COM")
        user = queries.user_by_email("nadia@example.com")
        assert (user.email, user.display_name, user.roles) == ("nadia@example.com", "Nadia", [])
        assert user.confirmed_at is None

    def test_a_known_address_changes_nothing(self, app):
        user = make_user("nadia@example.com", display_name="First")
        enroll("NADIA@example.com", NEW_PASSWORD)
        assert enter(user, PASSWORD)
        assert session().scalar(select(func.count()).select_from(User)) == 1
        assert queries.get_user(user.id).display_name == "First"

    def test_an_address_is_never_made_that_of_somebody_else(self, app):
        for email in ("Groß@Straße.example", "gross@straße.example", "gross@strasse.example"):
            enroll(email)
            assert queries.user_by_email(email.lower()).email == email.lower()
        assert session().scalar(select(func.count()).select_from(User)) == 3

    def test_known_and_unknown_addresses_cost_the_same_hash(self, app, hashing):
        make_user("known@example.com")
        hashing.clear()
        enroll("unknown@example.com")
        assert hashing == ["hash"]
        hashing.clear()
        enroll("known@example.com")
        assert hashing == ["hash"]

    def test_one_address_registered_many_times_at_once_is_one_account(self, app):
        results = in_parallel(app, lambda _n: enroll("rush@example.com"), 3)
        assert results == [None] * 3
        assert session().scalar(select(func.count()).select_from(User)) == 1

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "nadia",
            "nadia@",
            "@example.com",
            "nadia@example",
            "na dia@example.com",
            "nadia@example.com\x00",
            "nadia@example.com\nBcc: all@example.com",
            "nadia@exa\ud800mple.com",
            "a" * 65 + "@example.com",
            "a@" + "b" * 300 + ".com",
            "<script>@example.com",
            "Nadia <nadia@example.com>",
            "nadia@[127.0.0.1]",
        ],
    )
    def test_what_is_no_address_is_refused(self, app, email):
        with pytest.raises(Invalid) as caught:
            enroll(email)
        assert set(caught.value.errors) == {"email"}
        assert session().scalar(select(func.count()).select_from(User)) == 0

    @pytest.mark.parametrize(
        "password",
        [
            *("", "short", "x7-kqZ91.mB", "password1234", "nadia@example.com", "q8!" * 43),
            unicodedata.normalize("NFD", "йёéñ-ÿåç7û"),  # 10 letters
        ],
    )
    def test_a_bad_password_is_refused(self, app, password):
        with pytest.raises(Invalid) as caught:
            enroll("nadia@example.com", password)
        assert set(caught.value.errors) == {"password"}

    def test_a_password_may_have_128_characters(self, app):
        longest = ("tractor-" + "vK7#pq2L" * 15)[:128]
        enroll("nadia@example.com", longest)
        assert len(longest) == 128

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("  Nadia   K. ", "Nadia K."),
            ("Na\x00dia\x07", "Nadia"),
            ("Надя\u202e!", "Надя!"),
            ("e\u0301lise", "élise"),
            ("<b>Nadia</b>", "<b>Nadia</b>"),
            ("李明", "李明"),
            ("An\u200bna\ufeff \u3164Be\u00adll\U000e0041", "Anna Bell"),
            ("می\u200cخواهم", "می\u200cخواهم"),
            ("Ann 👩\u200d🚀 ❤\ufe0f", "Ann 👩\u200d🚀 ❤\ufe0f"),
        ],
    )
    def test_a_name_is_cleaned_of_what_is_not_seen(self, app, name, kept):
        accounts.register(
            email="n@example.com", password=PASSWORD, display_name=name, locale="ru", address=HOME
        )
        assert queries.user_by_email("n@example.com").display_name == kept

    @pytest.mark.parametrize(
        "name",
        ["", "  ", "\x00\x01", "\u200b\u200b\u200b", "x", "x" * 61, "\u3164" * 5, "x\u2800\u115f"],
    )
    def test_a_name_that_can_not_be_shown_is_refused(self, app, name):
        with pytest.raises(Invalid) as caught:
            accounts.register(
                email="n@example.com",
                password=PASSWORD,
                display_name=name,
                locale="en",
                address=HOME,
            )
        assert set(caught.value.errors) == {"display_name"}

    def test_an_unknown_language_is_refused(self, app):
        with pytest.raises(Invalid):
            accounts.register(
                email="n@example.com",
                password=PASSWORD,
                display_name="Nadia",
                locale="xx",
                address=HOME,
            )

    def test_one_place_makes_five_accounts_an_hour(self, strict_app):
        for number in range(5):
            enroll(f"person{number}@example.com")
        with pytest.raises(TooMany) as caught:
            enroll("sixth@example.com")
        assert caught.value.retry_after > 60
        enroll("elsewhere@example.com", address="198.51.100.1")

    def test_forms_that_are_refused_are_counted_too(self, strict_app):
        for _number in range(20):
            with pytest.raises(Invalid):
                enroll("nadia@example.com", "password1234")
        with pytest.raises(TooMany):
            enroll("nadia@example.com", "password1234")
        enroll("nadia@example.com", address="198.51.100.1")

    def test_addresses_of_one_ipv6_network_are_one_place(self, strict_app):
        for number in range(5):
            enroll(f"person{number}@example.com", address=f"2001:db8::{number}")
        with pytest.raises(TooMany):
            enroll("sixth@example.com", address="2001:db8::ffff")
        enroll("seventh@example.com", address="2001:db8:0:1::1")


class TestConfirmEmail:
    def test_the_link_lets_the_person_in_once(self, app):
        user = make_user(confirmed=False)
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
        )
        with pytest.raises(NotConfirmed):
            enter(user)
        accounts.confirm_email(token=token)
        assert is_in(enter(user))
        with pytest.raises(DeadLink):
            accounts.confirm_email(token=token)

    def test_using_one_link_uses_up_the_others(self, app):
        user = make_user(confirmed=False)
        first, second = (
            mail_links.issue_mail_token(
                user_id=user.id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
            )
            for _ in range(2)
        )
        accounts.confirm_email(token=first)
        with pytest.raises(DeadLink):
            accounts.confirm_email(token=second)

    def test_of_many_at_once_one_succeeds(self, app):
        user = make_user(confirmed=False)
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
        )
        results = in_parallel(app, lambda _n: accounts.confirm_email(token=token), 5)
        assert sorted(type(result).__name__ for result in results) == ["DeadLink"] * 4 + [
            "NoneType"
        ]

    @pytest.mark.parametrize(
        ("purpose", "minutes"), [(MailPurpose.CONFIRM, 24 * 60), (MailPurpose.RESET, 30)]
    )
    def test_a_link_dies_with_its_time(self, app, purpose, minutes):
        user = make_user(confirmed=False)
        token = mail_links.issue_mail_token(user_id=user.id, purpose=purpose, mail_id=new_id())

        def pass_time(by: timedelta) -> None:
            session().execute(update(MailToken).values(expires_at=MailToken.expires_at - by))
            session().commit()

        pass_time(timedelta(minutes=minutes - 1))
        assert queries.owner_of_link(token, purpose) is not None
        pass_time(timedelta(minutes=1))
        assert queries.owner_of_link(token, purpose) is None
        use = {
            MailPurpose.CONFIRM: lambda: accounts.confirm_email(token=token),
            MailPurpose.RESET: lambda: credentials.reset_password(
                token=token, password=NEW_PASSWORD
            ),
        }[purpose]
        with pytest.raises(DeadLink):
            use()

    def test_a_link_is_good_for_its_purpose_alone(self, app):
        user = make_user(confirmed=False)
        reset = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        confirm = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
        )
        with pytest.raises(DeadLink):
            accounts.confirm_email(token=reset)
        with pytest.raises(DeadLink):
            credentials.reset_password(token=confirm, password=NEW_PASSWORD)

    @pytest.mark.parametrize(
        "token", ["", "x", "\x00", "\ud800".encode("utf-8", "replace").decode()]
    )
    def test_a_made_up_link_is_dead(self, app, token):
        with pytest.raises(DeadLink):
            accounts.confirm_email(token=token)

    def test_the_database_does_not_hold_the_secret(self, app):
        user = make_user(confirmed=False)
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
        )
        kept = session().scalars(select(MailToken.secret_hash)).one()
        assert token.encode() not in kept

    def test_registering_again_kills_the_links_a_stranger_waits_for(self, app):
        enroll("victim@example.com", "strangers-own-choice")
        user = queries.user_by_email("victim@example.com")
        strangers = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
        )
        enroll("victim@example.com", NEW_PASSWORD)
        with pytest.raises(DeadLink):
            accounts.confirm_email(token=strangers)

    def test_a_stranger_who_registered_first_never_gets_in(self, app, inbox: Inbox):
        owner = make_user()  # takes a unique address for the mail catcher
        email = owner.email.replace("person", "victim")
        strangers = "strangers-own-choice"
        enroll(email, strangers)
        enroll(email, NEW_PASSWORD)
        for _time in range(2):  # by whom of the two does not matter
            accounts.resend_confirmation(email=email, address=HOME)
        mails = inbox.of(email)
        assert len(mails) == 4
        assert not any("/auth/confirm/" in mail["text"] for mail in mails)
        secret = path_in(mails[0], "/auth/reset/").removeprefix("/auth/reset/")
        credentials.reset_password(token=secret, password="another-fine-walrus")
        user = queries.user_by_email(email)
        for password in (strangers, NEW_PASSWORD):
            with pytest.raises(WrongCredentials):
                enter(user, password)
        assert is_in(enter(user, "another-fine-walrus"))

    def test_a_link_that_was_on_its_way_meanwhile_is_dead(self, app):
        enroll("victim@example.com", "strangers-own-choice")
        user = queries.user_by_email("victim@example.com")
        enroll("victim@example.com", NEW_PASSWORD)
        late = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
        )
        with pytest.raises(DeadLink):
            accounts.confirm_email(token=late)
        assert queries.get_user(user.id, fresh=True).confirmed_at is None


class TestLogIn:
    def test_the_right_password_begins_a_session(self, app):
        user = make_user()
        secret = enter(user)
        visit = queries.visit(secret)
        assert visit.user.id == user.id
        [listed] = queries.live_sessions(user.id)
        assert (listed.address, listed.agent) == (HOME, "Firefox")

    def test_the_address_may_be_written_in_capitals(self, app):
        user = make_user("nadia@example.com")
        assert sessions.log_in(email=" NADIA@Example.com ", password=PASSWORD, address=HOME)
        assert queries.live_sessions(user.id)

    def test_the_database_does_not_hold_the_secret(self, app):
        secret = enter(make_user())
        assert secret.encode() not in session().scalars(select(LoginSession.secret_hash)).one()

    def test_known_and_unknown_addresses_get_the_same_answer_for_the_same_work(self, app, hashing):
        make_user("known@example.com")
        answers = []
        make_user("contested@example.com", confirmed=False)
        enroll("contested@example.com")
        addresses = ("known@example.com", "contested@example.com", "unknown@example.com")
        for email in (*addresses, "no address", "\x00"):
            hashing.clear()
            with pytest.raises(WrongCredentials) as caught:
                sessions.log_in(email=email, password=NEW_PASSWORD, address=HOME)
            answers.append((caught.value.code, caught.value.message, tuple(hashing)))
        assert set(answers) == {("wrong_credentials", answers[0][1], ("verify",))}

    def test_a_closed_account_is_told_of_only_with_the_right_password(self, app):
        user = make_user()
        moderation.ban_user(user_id=user.id)
        with pytest.raises(WrongCredentials):
            enter(user, NEW_PASSWORD)
        with pytest.raises(Banned):
            enter(user)

    def test_an_unconfirmed_account_is_told_of_only_with_the_right_password(self, app):
        user = make_user(confirmed=False)
        with pytest.raises(WrongCredentials):
            enter(user, NEW_PASSWORD)
        with pytest.raises(NotConfirmed):
            enter(user)

    def test_five_tries_a_minute_into_one_account(self, strict_app):
        user = make_user()
        for number in range(5):
            with pytest.raises(WrongCredentials):
                enter(user, NEW_PASSWORD, address=f"198.51.100.{number}")
        with pytest.raises(TooMany) as caught:
            enter(user, address="198.51.100.99")
        assert 1 <= caught.value.retry_after <= 61

    def besiege(self, user: User) -> None:
        """Have strangers use up all tries that places new to the account have."""
        for number in range(5):
            with pytest.raises((WrongCredentials, TooManyLogins)):
                enter(user, NEW_PASSWORD, address=f"198.51.100.{number}")
        with pytest.raises(TooManyLogins):
            enter(user, address="198.51.100.99")

    def test_strangers_do_not_lock_the_owner_out_where_they_were_before(self, strict_app):
        user = make_user()
        sessions.log_out_everywhere(user_id=visit_of(enter(user, address="2001:db8::7")).user.id)
        self.besiege(user)
        assert is_in(enter(user, address="2001:db8::8"))
        with pytest.raises(TooManyLogins):
            enter(user, address="2001:db8:0:1::7")

    def test_a_network_where_the_owner_was_has_five_tries_too(self, strict_app):
        user = make_user()
        enter(user)
        for _number in range(5):
            with pytest.raises(WrongCredentials):
                enter(user, NEW_PASSWORD)
        with pytest.raises(TooMany):
            enter(user)

    def test_programs_of_the_owner_get_their_tokens_where_they_got_them_before(self, strict_app):
        user = make_user()
        refresh.log_in_for_tokens(email=user.email, password=PASSWORD, address=HOME)
        self.besiege(user)
        assert refresh.log_in_for_tokens(email=user.email, password=PASSWORD, address=HOME)

    def test_a_new_password_by_mail_lets_the_owner_in_from_a_new_place(self, strict_app):
        user = make_user()
        self.besiege(user)
        link = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        credentials.reset_password(token=link, password=NEW_PASSWORD, address=HOME)
        assert is_in(enter(user, NEW_PASSWORD))

    def test_a_known_device_is_counted_apart_but_not_without_end(self, strict_app):
        user = make_user()

        def try_with(device: str, password: str = NEW_PASSWORD) -> str:
            return sessions.log_in(email=user.email, password=password, address=HOME, device=device)

        self.besiege(user)
        for number in range(4):
            for _time in range(4):
                with pytest.raises(WrongCredentials):
                    try_with(f"device{number}")
        assert is_in(try_with("device0", PASSWORD))
        with pytest.raises(TooMany):
            try_with("device0", PASSWORD)
        for _time in range(3):
            with pytest.raises(WrongCredentials):
                try_with("device5")
        with pytest.raises(TooMany):  # many devices of one person cost as much as one place
            try_with("device6")

    def test_the_networks_of_long_ago_are_forgotten(self, app):
        user = make_user()
        enter(user)
        assert queries.has_logged_in_from(user.email, HOME)
        session().execute(
            update(KnownNetwork).values(seen_at=func.clock_timestamp() - timedelta(days=91))
        )
        session().commit()
        assert drop_old().done == 1
        assert not queries.has_logged_in_from(user.email, HOME)

    def test_unknown_accounts_are_limited_alike(self, strict_app):
        for number in range(5):
            with pytest.raises(WrongCredentials):
                sessions.log_in(
                    email="nobody@example.com", password="x", address=f"198.51.100.{number}"
                )
        with pytest.raises(TooMany):
            sessions.log_in(email="NOBODY@example.com", password="x", address="198.51.100.99")

    def test_twenty_tries_a_minute_from_one_place(self, strict_app):
        for number in range(20):
            with pytest.raises(WrongCredentials):
                sessions.log_in(email=f"n{number}@example.com", password="x", address=HOME)
        user = make_user()
        with pytest.raises(TooMany):
            enter(user)
        assert is_in(enter(user, address="198.51.100.1"))

    def test_what_is_no_address_uses_up_nobodys_tries(self, strict_app):
        for number in range(8):
            with pytest.raises(WrongCredentials):
                sessions.log_in(email="nadia", password="x", address=f"198.51.100.{number}")

    @pytest.mark.usefixtures("agreed_cost")
    def test_an_outdated_hash_is_renewed(self, app):
        weak = PasswordHasher(memory_cost=8192, time_cost=1, parallelism=1).hash(PASSWORD)
        user = make_user()
        session().execute(update(User).values(password_hash=weak))
        session().commit()
        enter(user)
        assert "m=19456,t=2,p=1" in queries.get_user(user.id).password_hash
        assert is_in(enter(user))

    def test_a_hostile_browser_name_is_kept_short(self, app):
        user = make_user()
        sessions.log_in(
            email=user.email, password=PASSWORD, address=HOME, agent="<script>\x00" + "x" * 9000
        )
        [listed] = queries.live_sessions(user.id)
        assert listed.agent.startswith("<script>x")
        assert len(listed.agent) <= 300


SELLING = {"paypal_email": "pay@example.com", "password": PASSWORD, "address": HOME}


def start_selling(user: User, **changes: str | None) -> str:
    """Make a person a seller, called as they are unless another name is given."""
    values = {"display_name": user.display_name, **SELLING, **changes}
    return selling.become_seller_in_browser(user_id=user.id, **values)


ENDS = {
    "ban": lambda user: moderation.ban_user(user_id=user.id),
    "grant": lambda user: moderation.grant_role(user_id=user.id, role=Role.MODERATOR),
    "revoke": lambda user: moderation.revoke_role(user_id=user.id, role=Role.ADMIN),
    "log out everywhere": lambda user: sessions.log_out_everywhere(user_id=user.id),
    "become seller": start_selling,
    "change password": lambda user: credentials.change_password(
        user_id=user.id, current=PASSWORD, new=NEW_PASSWORD, address=HOME
    ),
    "reset password": lambda user: credentials.reset_password(
        token=mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        ),
        password=NEW_PASSWORD,
    ),
}


class TestSessions:
    @pytest.mark.parametrize("change", ENDS)
    def test_a_new_epoch_ends_every_session_at_once(self, app, change):
        user, bystander = make_user(roles=("admin",)), make_user()
        secrets = [enter(user), enter(user)]
        live = queries.visit(secrets[0]).session_id
        others = enter(bystander)
        assert all(map(is_in, secrets))
        assert queries.live_session(live)
        ENDS[change](user)
        assert not any(map(is_in, secrets))
        assert not queries.live_session(live)
        assert is_in(others)

    def test_a_session_of_an_older_epoch_is_refused_though_its_row_stands(self, app):
        user = make_user()
        secret = enter(user)
        session().execute(update(User).values(session_epoch=User.session_epoch + 1))
        session().commit()
        assert not is_in(secret)
        assert queries.live_sessions(user.id) == []

    def test_a_ban_is_lifted_but_old_sessions_stay_ended(self, app):
        user = make_user()
        secret = enter(user)
        moderation.ban_user(user_id=user.id)
        moderation.unban_user(user_id=user.id)
        assert not is_in(secret)
        assert is_in(enter(user))

    @pytest.mark.parametrize(
        ("column", "age", "counts"),
        [
            ("seen_at", timedelta(days=13, hours=23), True),
            ("seen_at", timedelta(days=14), False),
            ("created_at", timedelta(days=29, hours=23), True),
            ("created_at", timedelta(days=30), False),
        ],
    )
    def test_a_session_grows_old(self, app, column, age, counts):
        secret = enter(make_user())
        row = getattr(LoginSession, column)
        session().execute(update(LoginSession).values({column: row - age}))
        session().commit()
        assert is_in(secret) is counts
        assert drop_old().done == (0 if counts else 1)

    def test_expired_links_are_dropped_after_a_week(self, app):
        user = make_user()
        mail_links.issue_mail_token(user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id())
        assert drop_old().done == 0
        session().execute(
            update(MailToken).values(expires_at=func.clock_timestamp() - timedelta(days=8))
        )
        session().commit()
        assert drop_old().done == 1

    def test_logging_out_ends_one_session(self, app):
        user = make_user()
        first, second = enter(user), enter(user)
        sessions.log_out(session_id=queries.visit(first).session_id)
        assert not is_in(first)
        assert is_in(second)

    def test_nobody_ends_the_session_of_somebody_else(self, app):
        owner, stranger = make_user(), make_user()
        secret = enter(owner)
        session_id = queries.visit(secret).session_id
        with pytest.raises(NoSuchSession):
            sessions.end_session(user_id=stranger.id, session_id=session_id)
        assert is_in(secret)
        sessions.end_session(user_id=owner.id, session_id=session_id)
        assert not is_in(secret)

    @pytest.mark.parametrize("secret", ["", "x", "\x00", "x" * 100_000])
    def test_a_made_up_secret_opens_nothing(self, app, secret):
        enter(make_user())
        assert not is_in(secret)


class TestPasswords:
    def test_a_reset_sets_the_password_once(self, app):
        user = make_user()
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        credentials.reset_password(token=token, password=NEW_PASSWORD)
        assert is_in(enter(user, NEW_PASSWORD))
        with pytest.raises(WrongCredentials):
            enter(user, PASSWORD)
        with pytest.raises(DeadLink):
            credentials.reset_password(token=token, password="another-fine-walrus")

    def test_a_refused_password_does_not_use_the_link_up(self, app):
        user = make_user()
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        with pytest.raises(Invalid):
            credentials.reset_password(token=token, password="password1234")
        credentials.reset_password(token=token, password=NEW_PASSWORD)

    def test_of_many_resets_at_once_one_succeeds(self, app):
        user = make_user()
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        chosen = [f"{NEW_PASSWORD}-{number}" for number in range(4)]
        results = in_parallel(
            app, lambda n: credentials.reset_password(token=token, password=chosen[n]), 4
        )
        winner = [number for number, result in enumerate(results) if result is None]
        assert len(winner) == 1
        assert is_in(enter(user, chosen[winner[0]]))

    def test_a_reset_confirms_the_address(self, app):
        user = make_user(confirmed=False)
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        credentials.reset_password(token=token, password=NEW_PASSWORD)
        assert is_in(enter(user, NEW_PASSWORD))

    def test_a_closed_account_is_not_opened_by_a_reset(self, app):
        user = make_user()
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        moderation.ban_user(user_id=user.id)
        with pytest.raises(DeadLink):
            credentials.reset_password(token=token, password=NEW_PASSWORD)

    def test_a_change_needs_the_present_password(self, app):
        user = make_user()
        with pytest.raises(WrongPassword) as caught:
            credentials.change_password(
                user_id=user.id, current="not-the-password", new=NEW_PASSWORD, address=HOME
            )
        assert set(caught.value.errors) == {"current"}
        assert is_in(enter(user))

    def test_a_change_returns_a_session_that_counts_and_kills_mailed_links(self, app):
        user = make_user()
        token = mail_links.issue_mail_token(
            user_id=user.id, purpose=MailPurpose.RESET, mail_id=new_id()
        )
        secret = credentials.change_password(
            user_id=user.id, current=PASSWORD, new=NEW_PASSWORD, address=HOME
        )
        assert is_in(secret)
        assert is_in(enter(user, NEW_PASSWORD))
        with pytest.raises(DeadLink):
            credentials.reset_password(token=token, password="another-fine-walrus")

    def test_the_present_password_can_not_be_guessed_at_will(self, strict_app):
        user = make_user()
        for _number in range(5):
            with pytest.raises(WrongPassword):
                credentials.change_password(
                    user_id=user.id, current="not-the-password", new=NEW_PASSWORD, address=HOME
                )
        with pytest.raises(TooMany):
            credentials.change_password(
                user_id=user.id, current=PASSWORD, new=NEW_PASSWORD, address=HOME
            )

    @pytest.mark.parametrize("email", ["known@example.com", "unknown@example.com"])
    def test_three_mails_an_hour_to_one_address_known_or_not(self, app, email):
        make_user("known@example.com")
        for number in range(3):
            credentials.request_password_reset(email=email, address=f"198.51.100.{number}")
        with pytest.raises(TooMany):
            credentials.request_password_reset(email=email.upper(), address="198.51.100.9")

    @pytest.mark.parametrize("email", ["known@example.com", "unknown@example.com"])
    def test_known_and_unknown_addresses_leave_as_many_traces(self, app, email, query_counter):
        make_user("known@example.com")
        query_counter.clear()
        credentials.request_password_reset(email=email, address=HOME)
        accounts.resend_confirmation(email=email, address=HOME)
        outbox = session().scalar(text("SELECT count(*) FROM outbox"))
        assert (outbox, sum("INSERT INTO outbox" in sent for sent in query_counter)) == (2, 2)


class TestSelling:
    def test_a_seller_is_paid_at_the_address_named(self, app):
        user = make_user()
        secret = start_selling(user, paypal_email="Pay@Example.com", agent="Firefox")
        visit = queries.visit(secret)
        assert "seller" in visit.user.role_names
        assert visit.user.paypal_email == "pay@example.com"
        with pytest.raises(AlreadySeller):
            start_selling(user)

    def test_all_that_is_wrong_is_told_at_once(self, app):
        user = make_user()
        with pytest.raises(Invalid) as caught:
            start_selling(user, paypal_email="paypal", display_name="ByteShop")
        assert set(caught.value.errors) == {"paypal_email", "display_name"}
        assert queries.get_user(user.id).roles == []

    def test_who_sells_has_given_the_password(self, app):
        user = make_user()
        with pytest.raises(WrongPassword) as caught:
            start_selling(user, password=NEW_PASSWORD)
        assert set(caught.value.errors) == {"password"}
        assert queries.get_user(user.id).roles == []

    @pytest.mark.parametrize(
        "name", ["Pixel Forge", "PIXEL FORGE", "Pixеl F0rge", "Pixel-Forge ⭐"]
    )
    def test_no_two_sellers_are_called_alike(self, app, name):
        make_user(roles=("seller",), display_name="Pixel Forge")
        user = make_user(display_name="Pixel Forge")  # who only buys may be
        for become in (
            lambda: start_selling(user, display_name=name),
            lambda: moderation.grant_role(user_id=user.id, role=Role.SELLER),
            lambda: accounts.add_user(
                email="new@example.com", password=PASSWORD, display_name=name, roles=("seller",)
            ),
        ):
            with pytest.raises(NameTaken) as caught:
                become()
            assert set(caught.value.errors) == {"display_name"}
        other = make_user(roles=("seller",), display_name="Anvil")
        with pytest.raises(NameTaken):
            accounts.update_profile(user_id=other.id, display_name=name, locale="en")
        assert queries.get_user(other.id, fresh=True).display_name == "Anvil"
        start_selling(user, display_name="Pixel Forge 2")
        accounts.update_profile(user_id=other.id, display_name="ANVIL!", locale="ru")  # their own

    def test_of_two_at_once_one_gets_the_name(self, app):
        people = [make_user(display_name="Pixel Forge") for _ in range(4)]
        results = in_parallel(app, lambda number: start_selling(people[number]), 4)
        refused = [result for result in results if isinstance(result, NameTaken)]
        assert (len(refused), len(results)) == (3, 4)

    def test_the_name_of_who_sells_no_more_stays_theirs(self, app):
        seller = make_user(roles=("seller",), display_name="Pixel Forge")
        moderation.revoke_role(user_id=seller.id, role=Role.SELLER)
        with pytest.raises(NameTaken):
            start_selling(make_user(), display_name="Pixel Forge")
        moderation.grant_role(user_id=seller.id, role=Role.SELLER)

    def test_only_who_speaks_for_the_shop_is_called_like_it(self, app):
        with pytest.raises(Invalid, match="reserved"):
            accounts.register(
                email="n@example.com", password=PASSWORD, display_name="Support", locale="en",
                address=HOME,
            )  # fmt: skip
        user = make_user()
        with pytest.raises(NameReserved) as caught:
            accounts.update_profile(user_id=user.id, display_name="Аdmin", locale="en")
        assert set(caught.value.errors) == {"display_name"}
        moderation.grant_role(user_id=user.id, role=Role.MODERATOR)
        accounts.update_profile(user_id=user.id, display_name="ByteShop Support", locale="en")
        moderation.revoke_role(user_id=user.id, role=Role.MODERATOR)
        accounts.update_profile(user_id=user.id, display_name="ByteShop Support", locale="ru")

    def test_another_address_needs_the_password(self, app):
        seller = make_user(roles=("seller",), paypal_email="old@example.com")
        with pytest.raises(WrongPassword) as caught:
            selling.change_paypal_email(
                user_id=seller.id,
                paypal_email="new@example.com",
                password="not-the-password",
                address=HOME,
            )
        assert set(caught.value.errors) == {"password"}
        assert queries.get_user(seller.id).paypal_email == "old@example.com"
        selling.change_paypal_email(
            user_id=seller.id, paypal_email="new@example.com", password=PASSWORD, address=HOME
        )
        assert queries.get_user(seller.id).paypal_email == "new@example.com"

    def test_who_sells_again_is_paid_where_they_were_or_is_told(self, app, inbox: Inbox):
        user = make_user(roles=("seller",))
        old = user.paypal_email
        moderation.revoke_role(user_id=user.id, role=Role.SELLER)
        moderation.grant_role(user_id=user.id, role=Role.SELLER)
        assert queries.get_user(user.id).paypal_email == old
        moderation.revoke_role(user_id=user.id, role=Role.SELLER)
        assert inbox.of(old) == []
        start_selling(user, paypal_email="new@example.com")
        for address in (old, user.email):
            assert inbox.only(address)["subject"] == "Your PayPal email was changed"

    def test_who_does_not_sell_is_not_paid(self, app):
        with pytest.raises(NotSeller):
            selling.change_paypal_email(
                user_id=make_user().id,
                paypal_email="new@example.com",
                password=PASSWORD,
                address=HOME,
            )


class TestRoles:
    def test_a_granted_seller_is_paid_at_their_own_address(self, app):
        user = make_user()
        moderation.grant_role(user_id=user.id, role=Role.SELLER)
        assert queries.get_user(user.id).paypal_email == user.email
        moderation.grant_role(user_id=user.id, role=Role.ADMIN)
        assert queries.get_user(user.id).role_names == {"buyer", "seller", "admin"}
        moderation.revoke_role(user_id=user.id, role=Role.SELLER)
        assert queries.get_user(user.id).role_names == {"buyer", "admin"}

    def test_no_administrator_shuts_themselves_out(self, app):
        user = make_user(roles=("admin", "moderator"))
        with pytest.raises(NotYourself):
            moderation.ban_user(user_id=user.id, by=user.id)
        with pytest.raises(NotYourself):
            moderation.revoke_role(user_id=user.id, role=Role.ADMIN, by=user.id)
        moderation.revoke_role(user_id=user.id, role=Role.MODERATOR, by=user.id)
        assert queries.get_user(user.id).role_names == {"buyer", "admin"}
        assert queries.get_user(user.id).banned_at is None

    def test_an_added_account_can_be_used_at_once_and_is_added_once(self, app):
        first = accounts.add_user(
            email="Demo@example.com",
            password="byteshop-demo",
            display_name="Demo",
            roles=("seller",),
        )
        again = accounts.add_user(
            email="demo@example.com", password="something-else", display_name="Other"
        )
        assert first == again
        assert sessions.log_in(email="demo@example.com", password="byteshop-demo", address=HOME)
        assert queries.get_user(first).paypal_email == "demo@example.com"

    def test_people_are_found_by_their_ids(self, app):
        first, second = make_user(), make_user()
        assert set(queries.users_by_id([first.id, second.id])) == {first.id, second.id}
        assert queries.users_by_id([]) == {}
