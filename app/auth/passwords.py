"""Passwords: hashing with argon2id, and which ones are too easy to guess."""

import base64
import math
import os
import threading
import unicodedata
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn
from zxcvbn.matching import L33T_TABLE

MIN_LENGTH, MAX_LENGTH = 12, 128
NO_PASSWORD = ""  # in place of a hash: nothing opens the account until a password is set

# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
_hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
# Each hash takes 19 MiB and a core: a crowd at the door waits instead of filling the memory.
_turns = threading.BoundedSemaphore(4)
# zxcvbn's scores: 2 falls to an attacker who may try without a limit, 3 needs 10^8 guesses or more.
_MIN_SCORE = 3
_MEASURED_LENGTH = 72  # zxcvbn takes no more
# It keeps the words about an owner in a table of its module: two at once would use each other's.
_measuring = threading.Lock()
# A Russian keyboard's keys, and what stands on them on an English one: zxcvbn knows qwerty, and
# the most common Russian passwords as they look there.
_KEYS = str.maketrans(
    "йцукенгшщзхъфывапролджэячсмитьбюёЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮЁ",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,.`QWERTYUIOP[]ASDFGHJKL;'ZXCVBNM,.`",
)
# zxcvbn reads 4 and @ as a, and so on, in every combination: many of them take it seconds.
_MAX_READINGS = 16


def _bytes(password: str) -> bytes:
    # Two keyboards may write the same letters in different ways; lone surrogates come from JSON.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def hash_password(password: str) -> str:
    """The argon2id hash of a password, parameters and salt included."""
    with _turns:
        return str(_hasher.hash(_bytes(password)))


def verify(password_hash: str, password: str) -> bool:
    """Whether `password` is the one that was hashed; NO_PASSWORD is nobody's, and takes as long."""
    with _turns:
        try:
            return bool(_hasher.verify(password_hash or _NOBODYS_HASH, _bytes(password)))
        except (VerificationError, InvalidHashError):
            return False


def _random(length: int) -> str:
    return base64.b64encode(os.urandom(length)).decode().rstrip("=")


# Looks like the others and takes as long to verify; nobody knows the password to it. Not made by
# hashing one: the first unknown address in a process would be told by the clock.
_NOBODYS_HASH = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${_random(_hasher.salt_len)}${_random(_hasher.hash_len)}"
)


def verify_nobody(password: str) -> None:
    """Take as long as `verify`, so that an unknown address is not told by the clock."""
    verify(NO_PASSWORD, password)


def is_outdated(password_hash: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return bool(_hasher.check_needs_rehash(password_hash))


def is_easy(password: str, about: Sequence[str] = ()) -> bool:
    """Whether a password is common or made of what is common, or of words `about` its owner.

    Measured offline by zxcvbn, which knows common passwords, names, keyboard walks and dates.
    """
    part = _legible(_bytes(password).decode("utf-8", "replace")[:_MEASURED_LENGTH])
    with _measuring:
        return any(
            int(zxcvbn(typed, user_inputs=list(about))["score"]) < _MIN_SCORE
            for typed in dict.fromkeys((part, part.translate(_KEYS)))
        )


def _legible(password: str) -> str:
    """The password; if zxcvbn had to read it in too many ways, with one character per letter."""
    present = [[char for char in chars if char in password] for chars in L33T_TABLE.values()]
    if math.prod(len(chars) for chars in present if chars) <= _MAX_READINGS:
        return password
    for first, *others in filter(None, present):
        for other in others:
            password = password.replace(other, first)
    return password
