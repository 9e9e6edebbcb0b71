"""A state changes along its table alone."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from app.kit.states import move


class Light(StrEnum):
    GREEN = "green"
    RED = "red"


@dataclass
class Lamp:
    id: int
    state: Light


TABLE = {Light.GREEN: frozenset({Light.RED}), Light.RED: frozenset()}


def test_a_move_of_the_table_changes_the_state():
    lamp = Lamp(1, Light.GREEN)
    move(lamp, Light.RED, TABLE)
    assert lamp.state is Light.RED


@pytest.mark.parametrize(("state", "to"), [(Light.RED, Light.GREEN), (Light.RED, Light.RED)])
def test_any_other_move_is_a_bug_that_says_which(state, to):
    lamp = Lamp(7, state)
    with pytest.raises(RuntimeError, match=f"Lamp 7: {state} to {to}"):
        move(lamp, to, TABLE)
    assert lamp.state is state
