"""The table of `make mutants` does not rot: each protection stands where it says, and its test."""

import ast

import pytest

from tests.mutants.table import MUTANTS, Mutant
from tests.support.rules import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_protection_and_its_test_are_where_the_table_says(mutant: Mutant) -> None:
    text = (ROOT / mutant.path).read_text()
    assert text.count(mutant.stands) == 1
    assert mutant.stands != mutant.instead
    if mutant.path.endswith(".py"):
        ast.parse(text.replace(mutant.stands, mutant.instead))
    path, *names = mutant.test.split("::")
    place: ast.AST = ast.parse((ROOT / path).read_text())
    for name in names:
        [place] = [
            node for node in ast.iter_child_nodes(place) if getattr(node, "name", "") == name
        ]


def test_mutants_have_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 12
