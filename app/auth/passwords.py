"""Passwords: hashing with argon2id, and which ones are too easy to guess."""

import base64
import math
import os
import re
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

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
_REPEAT_LENGTH = 3  # shorter parts come twice by chance
_WORD_LENGTH = 3
_REMOVED_LENGTH = 5  # "ann" is in "channel", "shop" in "workshop"
_NO_WORD = re.compile(r"[\W\d_]+")
_SHOP = ("byteshop", "byte", "shop", "paypal", "байтшоп", "байт", "шоп", "магазин", "пейпал")
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


class Weakness(StrEnum):
    """What makes a password easy to guess."""

    REPEATED = "repeated"
    SEQUENCE = "sequence"  # of letters, digits, neighbouring keys, or a date
    OWN = "own"  # words about its owner, or the shop's
    COMMON = "common"


def weakness(password: str, about: Sequence[str] = ()) -> Weakness | None:
    """What makes a password easy to guess: words `about` its owner and the shop count too.

    Measured offline by zxcvbn, which knows common passwords, names, keyboard walks and dates. It
    takes a pattern for the stronger the oftener it comes, three names in a row for strong, and
    reads 72 characters: so what is left without repetitions, or without words of one's own, is
    measured too.
    """
    text = _bytes(password).decode("utf-8", "replace")
    if _is_one_pattern(text.casefold()):
        return Weakness.REPEATED
    words = _words(about)
    found = _measure(text, words)
    if found is not None:
        return found
    for reason, rest in (
        (Weakness.REPEATED, _without_repeats(text)),
        (Weakness.OWN, _without(text, words)),
    ):
        if rest != text and _measure(rest, words) is not None:
            return reason
    return None


def _is_one_pattern(text: str) -> bool:
    """Whether a part too short for a password comes twice or more, or forwards and backwards."""
    half = len(text) // 2
    is_mirrored = text == text[::-1] and half < MIN_LENGTH
    shortest = min(half, MIN_LENGTH - 1)
    return is_mirrored or any(text[length:] == text[:-length] for length in range(1, shortest + 1))


def _without_repeats(text: str) -> str:
    """What is left without the parts that came before; whoever tries patterns tries that."""
    lower, kept, at = text.casefold(), [], 0
    while at < len(text):
        length = 0
        while at + length < len(lower) and lower[at : at + length + 1] in lower[: at + length]:
            length += 1
        if length < _REPEAT_LENGTH:
            kept.append(text[at])
            length = 1
        at += length
    return "".join(kept)


def _without(text: str, words: Sequence[str]) -> str:
    """What is left without the longer ones of these words."""
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _REMOVED_LENGTH:
            text = re.sub(re.escape(word), "", text, flags=re.IGNORECASE)
    return text


def _measure(password: str, words: Sequence[str]) -> Weakness | None:
    if not password:
        return Weakness.COMMON
    part = _legible(password[:_MEASURED_LENGTH])
    with _measuring:
        for typed in dict.fromkeys((part, part.translate(_KEYS))):
            measured = zxcvbn(typed, user_inputs=list(words))
            if int(measured["score"]) < _MIN_SCORE:
                return _reason(measured["sequence"])
    return None


def _words(about: Sequence[str]) -> list[str]:
    """The texts about the owner, the parts of them, and the shop's own words."""
    parts = [part for text in about for part in (*text.split("@"), *_NO_WORD.split(text))]
    return [*_SHOP, *about, *(part for part in parts if len(part) >= _WORD_LENGTH)]


def _reason(sequence: Sequence[Mapping[str, Any]]) -> Weakness:
    """By the longest part that zxcvbn has recognised; COMMON where it has none."""
    known = [part for part in sequence if part["pattern"] != "bruteforce"]
    longest = max(known, key=lambda part: len(part["token"]), default=None)
    if longest is None:
        return Weakness.COMMON
    if longest["pattern"] == "dictionary":
        own = longest["dictionary_name"] == "user_inputs"
        return Weakness.OWN if own else Weakness.COMMON
    return Weakness.REPEATED if longest["pattern"] == "repeat" else Weakness.SEQUENCE


def _legible(password: str) -> str:
    """The password; if zxcvbn had to read it in too many ways, with one character per letter."""
    present = [[char for char in chars if char in password] for chars in L33T_TABLE.values()]
    if math.prod(len(chars) for chars in present if chars) <= _MAX_READINGS:
        return password
    for first, *others in filter(None, present):
        for other in others:
            password = password.replace(other, first)
    return password
