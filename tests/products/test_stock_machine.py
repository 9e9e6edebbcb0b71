"""Any sequence of moves keeps the books of the stock right, on the real database."""

from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.extensions import db
from app.kit.ids import new_id
from app.products.errors import NothingNew, OutOfStock, UnitNotFree
from app.products.models import StockItem, UnitState
from app.products.queries import stock as queries
from app.products.queries.cards import free_counts
from app.products.service import stock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.stocking import keep, opened_units, reserve, soon, take_in

STATES = [state.value for state in UnitState]


class Unit:
    """What the model knows of a unit."""

    def __init__(self, value: str, batch: UUID) -> None:
        self.value, self.batch = value, batch
        self.state = "free"
        self.holder: UUID | None = None


class Stock(RuleBasedStateMachine):
    """The service beside a list that plays the same moves."""

    holders = Bundle("holders")
    batches = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        seller = make_user(roles=["seller"])
        self.product = make_product(seller, kind="key", stock=[])
        self.units: list[Unit] = []  # oldest first
        self.taken: dict[UUID, int] = {}

    def free(self) -> list[Unit]:
        return [unit for unit in self.units if unit.state == "free"]

    def of(self, holder: UUID) -> list[Unit]:
        return [unit for unit in self.units if unit.holder == holder]

    @rule(target=batches, count=st.integers(1, 5))
    def take_in_new(self, count):
        values = [f"KEY-{new_id()}" for _ in range(count)]
        batch = take_in(self.product, keep(self.product, values)).batch_id
        self.units += [Unit(value, batch) for value in values]
        self.taken[batch] = count
        return batch

    def known(self):
        return {unit.value: None for unit in self.units if unit.state != "withdrawn"}

    def gone(self):
        known = self.known()
        return [*dict.fromkeys(unit.value for unit in self.units if unit.value not in known)]

    @precondition(gone)
    @rule(target=batches, again=st.integers(0, 30))
    def take_in_withdrawn_and_known(self, again):
        gone = self.gone()[:2]
        upload = keep(self.product, [*gone, *[*self.known()][:again], "\x00"])
        batch = take_in(self.product, upload, only_new=True).batch_id
        self.units += [Unit(value, batch) for value in gone]
        self.taken[batch] = len(gone)
        return batch

    @rule(again=st.integers(0, 30))
    def take_in_nothing_new(self, again):
        upload = keep(self.product, [*[*self.known()][:again], "\x00"])
        with pytest.raises(NothingNew):
            take_in(self.product, upload, only_new=True)

    @rule(target=holders, quantity=st.integers(1, 4))
    def reserve_for_somebody_new(self, quantity):
        holder = new_id()
        self.reserve(holder, quantity)
        return holder

    @rule(holder=holders, quantity=st.integers(1, 4))
    def reserve_again(self, holder, quantity):
        self.reserve(holder, quantity)

    def reserve(self, holder, quantity):
        missing = quantity - len(self.of(holder))
        if missing > len(self.free()):
            with pytest.raises(OutOfStock) as refusal:
                reserve(self.product, quantity, holder)
            assert refusal.value.params["left"] == len(self.free()) + len(self.of(holder))
            return
        for unit in self.free()[: max(missing, 0)]:
            unit.state, unit.holder = "reserved", holder
        got = reserve(self.product, quantity, holder)
        assert opened_units(got) == [unit.value for unit in self.of(holder)]

    @rule(holder=holders)
    def extend(self, holder):
        reserved = [unit for unit in self.of(holder) if unit.state == "reserved"]
        assert stock.extend(holders=[holder], until=soon()) == len(reserved)

    @rule(holder=holders)
    def release(self, holder):
        reserved = [unit for unit in self.of(holder) if unit.state == "reserved"]
        assert stock.release(holders=[holder]) == len(reserved)
        for unit in reserved:
            unit.state, unit.holder = "free", None

    @rule(holder=consumes(holders))
    def sell(self, holder):
        own = self.of(holder)
        assert len(stock.sell(holder=holder, quantity=len(own))) == len(own)
        for unit in own:
            unit.state = "sold"

    @rule(batch=batches)
    def undo_batch(self, batch):
        free = [unit for unit in self.free() if unit.batch == batch]
        place = {"seller_id": self.product.seller_id, "product_id": self.product.id}
        assert stock.withdraw_batch(batch_id=batch, **place) == len(free)
        for unit in free:
            unit.state = "withdrawn"

    @rule(place=st.integers(0, 50))
    def withdraw_one(self, place):
        if not self.units:
            return
        number = place % len(self.units)
        ids = db.session.scalars(
            db.select(StockItem.id)
            .where(StockItem.product_id == self.product.id)
            .order_by(StockItem.id)
        ).all()
        unit = self.units[number]
        try:
            stock.withdraw_unit(
                seller_id=self.product.seller_id,
                product_id=self.product.id,
                unit_id=ids[number],
            )
        except UnitNotFree:
            assert unit.state in {"reserved", "sold"}
        else:
            assert unit.state in {"free", "withdrawn"}
            unit.state = "withdrawn"

    @invariant()
    def counts_are_true(self):
        expected = dict.fromkeys(STATES, 0)
        for unit in self.units:
            expected[unit.state] += 1
        counts = queries.counts(self.product.id)
        assert {state: getattr(counts, state) for state in STATES} == expected
        free = free_counts([self.product.id]).get(self.product.id, 0)
        assert free == expected["free"]

    @invariant()
    def everything_taken_stands_somewhere(self):
        for row in queries.batches(self.product.id, size=1000).items:
            assert row.taken == self.taken[row.id]
            assert row.taken == sum(getattr(row.counts, state) for state in STATES)

    def teardown(self):
        db.session.rollback()


def test_any_sequence_of_moves_keeps_the_books(app):
    run_state_machine_as_test(
        Stock,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
