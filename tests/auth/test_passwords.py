import sys
import threading
import time
import unicodedata
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from app.auth import passwords


class TestHash:
    def test_a_hash_is_argon2id_with_the_agreed_cost(self):
        assert passwords.hash_password("correct-horse").startswith(
            "$argon2id$v=19$m=19456,t=2,p=1$"
        )

    def test_the_same_password_never_gives_the_same_hash(self):
        assert passwords.hash_password("correct-horse") != passwords.hash_password("correct-horse")

    def test_only_the_same_password_is_verified(self):
        known = passwords.hash_password("correct-horse")
        assert passwords.verify(known, "correct-horse")
        assert not passwords.verify(known, "correct-horse ")
        assert not passwords.verify(known, "Correct-horse")
        assert not passwords.verify(known, "")

    def test_the_same_letters_typed_in_two_ways_are_one_password(self):
        composed = unicodedata.normalize("NFC", "пароль-ёлка-й")
        decomposed = unicodedata.normalize("NFD", composed)
        assert composed != decomposed
        assert passwords.verify(passwords.hash_password(composed), decomposed)

    def test_nothing_is_verified_by_what_is_no_hash(self):
        for damaged in ("", "x", "$argon2id$v=19$m=19456,t=2,p=1$", "plain-password"):
            assert not passwords.verify(damaged, "plain-password")

    @pytest.mark.parametrize("hostile", ["\x00" * 12, "\ud800" * 12, "😀" * 128])
    def test_every_string_can_be_a_password(self, hostile):
        assert passwords.verify(passwords.hash_password(hostile), hostile)

    def test_the_hash_of_nobody_is_verified_like_any_other(self, monkeypatch: pytest.MonkeyPatch):
        seen: list[str] = []

        def verify(_hasher: PasswordHasher, known: str, _password: bytes) -> bool:
            seen.append(known)
            raise VerifyMismatchError

        monkeypatch.setattr(PasswordHasher, "verify", verify)
        passwords.verify_nobody("correct-horse")
        nobodys = extract_parameters(seen[0])
        assert nobodys == extract_parameters(passwords.hash_password("correct-horse"))

    def test_a_hash_of_lower_cost_is_outdated(self):
        today = passwords.hash_password("correct-horse")
        assert not passwords.is_outdated(today)
        assert passwords.is_outdated(today.replace("m=19456", "m=8192"))


class TestIsEasy:
    @pytest.mark.parametrize(
        "password",
        [
            "password1234",
            "Password2024!",
            "123456789012",
            "qwertyuiop12",
            "aaaaaaaaaaaa",
            "letmeinletmein",
            "iloveyou1234",
            "abcabcabcabc",
            "a" * 128,
            "йцукенгшщзхъ",
            "Фывапролджэя",
            "пароль123456",
        ],
    )
    def test_what_is_tried_first_is_easy(self, password):
        assert passwords.is_easy(password)

    @pytest.mark.parametrize(
        "password", ["correct-horse-battery", "vK7#pq2Lw9!x", "ёлка и шесть ежей"]
    )
    def test_what_is_not_common_is_not_easy(self, password):
        assert not passwords.is_easy(password)

    def test_the_owners_own_name_makes_a_password_easy(self):
        assert not passwords.is_easy("zoltanvarga91")
        assert passwords.is_easy("zoltanvarga91", ["zoltanvarga91@example.com", "zoltanvarga91"])

    def test_nobody_is_measured_by_the_name_of_somebody_else(self):
        wrong: list[str] = []

        def measure(owner: list[str], expected: bool) -> Callable[[], None]:
            def work() -> None:
                if any(
                    passwords.is_easy("zoltanvarga91", owner) is not expected for _ in range(40)
                ):
                    wrong.append(f"{owner}")

            return work

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            works = [measure([], False), measure(["zoltanvarga91"], True)]
            threads = [threading.Thread(target=work) for work in works]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        assert wrong == []

    @pytest.mark.parametrize("password", ["4@8({[<369!|170$5+%2" * 6, "p4a@s$5w0rd1!|7+" * 8])
    def test_signs_in_place_of_letters_take_no_seconds_to_measure(self, password):
        before = time.process_time()
        assert not passwords.is_easy(password)
        assert time.process_time() - before < 1
