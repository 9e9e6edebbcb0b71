"""Sealing and fingerprints."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.crypto import Sealed, UnsealError, Vault, new_token, token_hash

HERE, THERE = b"a row", b"another row"
OLD, NEW, FINGERPRINT = bytes(32), bytes(range(32)), b"f" * 32


@pytest.fixture
def vault() -> Vault:
    return Vault({1: OLD}, FINGERPRINT)


class TestSeal:
    @given(st.text(max_size=200))
    def test_what_is_sealed_is_opened(self, text: str) -> None:
        vault = Vault({1: OLD}, FINGERPRINT)
        sealed = vault.seal(text, bound_to=HERE)
        assert vault.open(sealed, bound_to=HERE) == text
        assert len(text) < 4 or text.encode() not in sealed.data

    def test_same_text_never_looks_the_same(self, vault: Vault) -> None:
        sealed = {vault.seal("KEY", bound_to=HERE).data for _ in range(50)}
        assert len(sealed) == 50

    def test_in_another_place_it_stays_shut(self, vault: Vault) -> None:
        sealed = vault.seal("KEY", bound_to=HERE)
        with pytest.raises(UnsealError):
            vault.open(sealed, bound_to=THERE)

    def test_changed_bit_is_noticed_wherever_it_is(self, vault: Vault) -> None:
        sealed = vault.seal("KEY", bound_to=HERE)
        for place in range(len(sealed.data)):
            data = bytearray(sealed.data)
            data[place] ^= 1
            with pytest.raises(UnsealError):
                vault.open(replace(sealed, data=bytes(data)), bound_to=HERE)

    @pytest.mark.parametrize("length", [0, 5, 12, 20])
    def test_cut_data_is_refused(self, vault: Vault, length: int) -> None:
        sealed = vault.seal("KEY", bound_to=HERE)
        with pytest.raises(UnsealError):
            vault.open(replace(sealed, data=sealed.data[:length]), bound_to=HERE)

    def test_error_does_not_tell_the_text(self, vault: Vault) -> None:
        sealed = vault.seal("CANARY", bound_to=HERE)
        with pytest.raises(UnsealError) as caught:
            vault.open(sealed, bound_to=THERE)
        assert "CANARY" not in str(caught.value)


class TestKeyVersions:
    def test_highest_seals_and_older_still_open(self, vault: Vault) -> None:
        old = vault.seal("OLD", bound_to=HERE)
        both = Vault({1: OLD, 2: NEW}, FINGERPRINT)
        new = both.seal("NEW", bound_to=HERE)
        assert (old.key_version, new.key_version) == (1, 2)
        assert both.open(old, bound_to=HERE) == "OLD"
        assert both.open(new, bound_to=HERE) == "NEW"

    def test_missing_key_is_an_unseal_error(self, vault: Vault) -> None:
        new = Vault({2: NEW}, FINGERPRINT).seal("NEW", bound_to=HERE)
        with pytest.raises(UnsealError):
            vault.open(new, bound_to=HERE)

    def test_other_key_under_the_same_version_is_refused(self, vault: Vault) -> None:
        sealed = Vault({1: NEW}, FINGERPRINT).seal("X", bound_to=HERE)
        with pytest.raises(UnsealError):
            vault.open(sealed, bound_to=HERE)

    def test_version_is_part_of_the_place(self) -> None:
        sealed = Vault({1: OLD}, FINGERPRINT).seal("X", bound_to=HERE)
        with pytest.raises(UnsealError):
            Vault({1: OLD, 2: OLD}, FINGERPRINT).open(Sealed(sealed.data, 2), bound_to=HERE)


class TestFingerprint:
    @pytest.mark.parametrize(
        "same",
        [
            "Cafe\N{COMBINING ACUTE ACCENT}-1",
            "  Caf\N{LATIN SMALL LETTER E WITH ACUTE}-1\r\n",
            "Café-1\t",
        ],
    )
    def test_ways_to_write_one_value_are_one(self, vault: Vault, same: str) -> None:
        assert vault.fingerprint(same) == vault.fingerprint(
            "Caf\N{LATIN SMALL LETTER E WITH ACUTE}-1"
        )

    @pytest.mark.parametrize(
        "other",
        ["café-1", "CAFÉ-1", "Café-2", "Café 1", "Caf\N{LATIN SMALL LETTER E WITH ACUTE} -1"],
    )
    def test_other_values_differ(self, vault: Vault, other: str) -> None:
        assert vault.fingerprint(other) != vault.fingerprint("Café-1")

    def test_depends_on_its_own_key_alone(self, vault: Vault) -> None:
        assert vault.fingerprint("K") == Vault({7: NEW}, FINGERPRINT).fingerprint("K")
        assert vault.fingerprint("K") != Vault({1: OLD}, b"g" * 32).fingerprint("K")
        assert len(vault.fingerprint("K")) == 32


def test_tokens_are_long_random_and_kept_as_hash() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43
    token = tokens.pop()
    assert token.encode() not in token_hash(token)
    assert token_hash(token) == token_hash(token)
