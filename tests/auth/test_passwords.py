import random
import string
import sys
import threading
import time
import unicodedata
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.auth import passwords
from app.auth.passwords import Weakness


@pytest.mark.usefixtures("agreed_cost")
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


ABOUT = ["nadia.petrova@example.com", "Nadia Petrova"]
# What a person could choose at best, if all of it was by chance.
PATTERNS = st.text(string.ascii_letters + string.digits + "#!?%-_", min_size=1, max_size=11)
WORDS = st.sampled_from(
    ["nadia", "petrova", "Nadia", "PETROVA", "nadia.petrova", "byteshop", "ByteShop", "paypal"]
)
ENDS = st.sampled_from(["", "1", "!", "123", "2024", "1987", "_", "12!"])


class TestWeakness:
    @pytest.mark.parametrize(
        ("password", "why"),
        [
            ("password1234", Weakness.COMMON),
            ("Password2024!", Weakness.COMMON),
            ("123456789012", Weakness.COMMON),
            ("qwertyuiop12", Weakness.COMMON),
            ("aaaaaaaaaaaa", Weakness.REPEATED),
            ("letmeinletmein", Weakness.REPEATED),
            ("iloveyou1234", Weakness.COMMON),
            ("abcabcabcabc", Weakness.REPEATED),
            ("a" * 128, Weakness.REPEATED),
            ("abcdefgabcdefg", Weakness.REPEATED),
            ("gdkwpqzgdkwpqx", Weakness.REPEATED),
            ("x7Kq2Lw" * 10, Weakness.REPEATED),
            ("x7Kq2Lw" * 18, Weakness.REPEATED),
            ("x7Kq2LwwL2qK7x", Weakness.REPEATED),
            ("abcdefghijklmnop", Weakness.SEQUENCE),
            ("йцукенгшщзхъ", Weakness.SEQUENCE),
            ("Фывапролджэя", Weakness.COMMON),
            ("пароль123456", Weakness.COMMON),
            ("пароль-пароль", Weakness.REPEATED),
            ("byteshop-2024", Weakness.OWN),
            ("byteshop-byteshop", Weakness.REPEATED),
            ("Nadia1987Petrova", Weakness.OWN),
        ],
    )
    def test_what_is_tried_first_is_weak(self, password, why):
        assert passwords.weakness(password, ABOUT) is why

    @pytest.mark.parametrize(
        "password",
        [
            *("correct-horse-battery", "vK7#pq2Lw9!x", "ёлка и шесть ежей"),
            *("tractor" + "q8!Zk" * 9, "nadia bakes purple tractors"),
            *("another-fine-walrus", "vK7#pq2Lw9!xvK7#pq2Lw9!x"),
        ],
    )
    def test_what_is_not_common_is_not_weak(self, password):
        assert passwords.weakness(password, ABOUT) is None

    @given(PATTERNS, st.integers(2, 60), st.integers(0, 10))
    @settings(max_examples=300, deadline=None)
    def test_no_pattern_gets_strong_by_coming_often(self, pattern, times, more):
        password = (pattern * times + pattern[:more])[: passwords.MAX_LENGTH]
        assume(len(password) >= max(passwords.MIN_LENGTH, 2 * len(pattern)))
        assert passwords.weakness(password) is not None

    @given(
        st.sampled_from([string.ascii_lowercase, string.digits * 3, "qwertyuiopasdfghjkl"]),
        st.data(),
    )
    @settings(max_examples=100, deadline=None)
    def test_no_sequence_is_strong(self, line, data):
        start = data.draw(st.integers(0, len(line) - passwords.MIN_LENGTH))
        length = data.draw(st.integers(passwords.MIN_LENGTH, len(line) - start))
        part = line[start : start + length]
        for password in (part, part[::-1], part.upper()):
            assert passwords.weakness(password) is not None

    @given(st.lists(WORDS, min_size=1, max_size=4), ENDS, st.sampled_from(["", "-", ".", "_", " "]))
    @settings(max_examples=150, deadline=None)
    def test_no_words_of_ones_own_and_the_shops_are_strong(self, words, end, between):
        password = between.join(words) + end
        assume(len(password) >= passwords.MIN_LENGTH)
        assert passwords.weakness(password, ABOUT) is not None

    @pytest.mark.parametrize("seed", range(150))
    def test_what_is_drawn_by_lot_is_strong(self, seed):
        # Not by hypothesis, which draws words that stand in the code.
        lot = random.Random(seed)
        length = lot.randint(14, 30)
        password = "".join(lot.choices(string.ascii_letters + string.digits, k=length))
        assert passwords.weakness(password) is None

    def test_the_owners_own_name_makes_a_password_easy(self):
        assert passwords.weakness("zoltanvarga91") is None
        assert passwords.weakness("zoltanvarga91", ["zoltanvarga91@example.com", "zoltanvarga91"])

    def test_nobody_is_measured_by_the_name_of_somebody_else(self):
        wrong: list[str] = []

        def measure(owner: list[str], expected: Weakness | None) -> Callable[[], None]:
            def work() -> None:
                found = {passwords.weakness("zoltanvarga91", owner) for _ in range(40)}
                if found != {expected}:
                    wrong.append(f"{owner}")

            return work

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            works = [measure([], None), measure(["zoltanvarga91"], Weakness.OWN)]
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
        passwords.weakness(password)
        assert time.process_time() - before < 1
