from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from app.extensions import db
from app.kit.crypto import Vault
from app.kit.db import db_now, rows, session, transactional
from app.kit.errors import Kind
from app.kit.ids import new_id
from app.products.errors import (
    NoSuchUnit,
    OutOfStock,
    StockMismatch,
    StockUnreadable,
    UnitNotFree,
)
from app.products.models import StockItem, UnitState
from app.products.queries import stock as queries
from app.products.service import low_stock, stock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.stocking import (
    opened_units,
    reserve,
    sell,
    soon,
    state_of,
    stock_up,
    wait_for_waiting_statement,
)


@pytest.fixture
def seller(app):
    return make_user(roles=["seller"])


@pytest.fixture
def product(seller):
    return make_product(seller, kind="key", stock=["first", "second", "third"])


class TestReserve:
    def test_what_is_sold_already_is_not_read_again(self, product):
        """Also where nearly all units are of one product, and were free when it was looked last."""
        session().execute(
            text("""INSERT INTO stock_item
                (id, product_id, batch_id, sealed, key_version, fingerprint, state)
                SELECT uuidv7(), product_id, batch_id, '\\x00', 1, sha256(n::text::bytea), 'free'
                FROM (SELECT * FROM stock_item LIMIT 1) one, generate_series(1, 5000) n""")
        )
        session().execute(text("ANALYZE stock_item"))
        session().commit()
        plans = []

        def explain(statement, **values):
            plans.append(rows(f"EXPLAIN {statement}", **values))
            return rows(statement, **values)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stock, "rows", explain)
            reserve(product)
        [plan] = ["\n".join(line for (line,) in plan) for plan in plans]
        assert "ix_stock_item_free" in plan

    def test_units_go_oldest_first(self, product):
        assert opened_units(reserve(product, 2)) == ["first", "second"]
        assert opened_units(reserve(product)) == ["third"]

    def test_more_than_free_takes_none_and_says_how_many_are_left(self, product):
        reserve(product)
        with pytest.raises(OutOfStock) as refusal:
            reserve(product, 3)
        assert refusal.value.params["left"] == 2
        assert refusal.value.kind is Kind.CONFLICT
        assert queries.counts(product.id) == queries.Counts(free=2, reserved=1)

    def test_nothing_left(self, product):
        reserve(product, 3)
        with pytest.raises(OutOfStock) as refusal:
            reserve(product)
        assert refusal.value.params["left"] == 0

    def test_same_holder_again_gets_the_same_units(self, product):
        holder = new_id()
        assert reserve(product, 2, holder) == reserve(product, 2, holder)
        assert queries.counts(product.id) == queries.Counts(free=1, reserved=2)

    def test_same_holder_after_the_sale_gets_what_was_sold(self, product):
        holder = new_id()
        units = reserve(product, 2, holder)
        stock.sell(holder=holder, quantity=2)
        assert reserve(product, 2, holder) == units
        assert queries.counts(product.id) == queries.Counts(free=1, sold=2)

    def test_holder_with_some_gets_the_rest(self, product):
        holder = new_id()
        first = reserve(product, 1, holder)
        assert reserve(product, 3, holder)[:1] == first
        assert queries.counts(product.id) == queries.Counts(reserved=3)

    def test_run_out_reservation_is_not_given_to_others(self, product):
        stock.reserve(
            product_id=product.id,
            quantity=3,
            holder=new_id(),
            until=db_now() - timedelta(minutes=1),
        )
        with pytest.raises(OutOfStock):
            reserve(product)

    def test_refused_claim_leaves_the_callers_transaction_usable(self, product):
        @transactional
        def try_both():
            with pytest.raises(OutOfStock):
                stock.reserve(product_id=product.id, quantity=9, holder=new_id(), until=soon())
            return stock.reserve(product_id=product.id, quantity=3, holder=new_id(), until=soon())

        assert len(try_both()) == 3

    def test_rolled_back_with_the_callers_transaction(self, product):
        @transactional
        def fail():
            stock.reserve(product_id=product.id, quantity=2, holder=new_id(), until=soon())
            raise RuntimeError("later")

        with pytest.raises(RuntimeError, match="later"):
            fail()
        assert queries.counts(product.id) == queries.Counts(free=3)

    def test_row_locked_by_another_is_passed_over_without_waiting(self, product, other_connection):
        locked = other_connection.execute(
            "SELECT id FROM stock_item WHERE product_id = %s ORDER BY id LIMIT 1 FOR UPDATE",
            [product.id],
        ).fetchone()
        units = reserve(product, 2)
        assert locked[0] not in units
        other_connection.rollback()

    @pytest.mark.parametrize("ends", ["rollback", "commit"])
    def test_waits_for_units_that_others_only_hold_locked(
        self, app, product, other_connection, ends
    ):
        """Nobody is told "sold out" over units that the others then do not take."""
        other_connection.execute(
            "WITH few AS (SELECT id FROM stock_item WHERE product_id = %s ORDER BY id LIMIT 2"
            " FOR UPDATE) UPDATE stock_item SET state = 'withdrawn' FROM few"
            " WHERE few.id = stock_item.id",
            [product.id],
        )

        def want_all():
            with app.app_context():
                try:
                    return len(reserve(product, 3))
                except OutOfStock as refusal:
                    return refusal.params["left"]

        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(want_all)
            wait_for_waiting_statement()
            getattr(other_connection, ends)()
            assert asked.result(timeout=10) == {"rollback": 3, "commit": 1}[ends]

    def test_open_pages_are_told_once(self, product, heard):
        reserve(product, 2)
        topic = f"product:{product.id}"
        assert heard(topic) == [(topic, "stock")]

    def test_open_pages_are_told_nothing_of_what_did_not_happen(self, product, heard):
        with pytest.raises(OutOfStock):
            reserve(product, 4)
        assert heard(f"product:{product.id}") == []


class TestRelease:
    def test_reserved_units_are_free_again(self, product):
        one, two = new_id(), new_id()
        reserve(product, 1, one)
        reserve(product, 2, two)
        assert stock.release(holders=[one, two]) == 3
        assert queries.counts(product.id) == queries.Counts(free=3)

    def test_sold_units_stay_sold(self, product):
        holder = new_id()
        reserve(product, 2, holder)
        stock.sell(holder=holder, quantity=2)
        assert stock.release(holders=[holder]) == 0
        assert queries.counts(product.id) == queries.Counts(free=1, sold=2)

    def test_nobody_and_strangers_release_nothing(self, product):
        reserve(product, 2)
        assert stock.release(holders=[]) == 0
        assert stock.release(holders=[new_id()]) == 0
        assert queries.counts(product.id).reserved == 2

    def test_open_pages_of_each_product_are_told_once(self, product, seller, heard):
        second = make_product(seller, kind="key", stock=["x", "y"])
        holder, other = new_id(), new_id()
        reserve(product, 2, holder)
        reserve(second, 2, other)
        topics = [f"product:{which.id}" for which in (product, second)]
        heard(*topics)
        stock.release(holders=[holder, other])
        assert sorted(heard(*topics)) == sorted((topic, "stock") for topic in topics)


class TestExtend:
    def test_prolongs_and_never_shortens(self, product):
        holder = new_id()
        (unit,) = reserve(product, 1, holder)
        later = soon() + timedelta(hours=1)
        assert stock.extend(holders=[holder], until=later) == 1
        assert stock.extend(holders=[holder], until=db_now()) == 1
        until = db.session.execute(
            db.select(StockItem.reserved_until).where(StockItem.id == unit)
        ).scalar_one()
        assert until == later

    def test_what_was_given_back_is_not_prolonged(self, product):
        holder = new_id()
        reserve(product, 2, holder)
        stock.release(holders=[holder])
        assert stock.extend(holders=[holder], until=soon()) == 0


class TestSell:
    def test_reserved_become_sold_once(self, product):
        holder = new_id()
        units = reserve(product, 2, holder)
        assert stock.sell(holder=holder, quantity=2) == units
        assert stock.sell(holder=holder, quantity=2) == units
        assert queries.counts(product.id) == queries.Counts(free=1, sold=2)

    @pytest.mark.parametrize("quantity", [1, 3])
    def test_another_number_than_held_is_a_bug_and_changes_nothing(self, product, quantity):
        holder = new_id()
        reserve(product, 2, holder)
        with pytest.raises(StockMismatch):
            stock.sell(holder=holder, quantity=quantity)
        assert queries.counts(product.id) == queries.Counts(free=1, reserved=2)

    def test_counted_sales_add_up(self, product):
        low_stock.count_sale(product_id=product.id, quantity=2)
        low_stock.count_sale(product_id=product.id, quantity=3)
        db.session.expire_all()
        assert db.session.get(type(product), product.id).sold_count == 5


class TestWithdraw:
    def test_free_unit_leaves_the_shop(self, product, seller):
        (unit,) = reserve(product, 1, holder := new_id())
        stock.release(holders=[holder])
        for _ in range(2):
            stock.withdraw_unit(seller_id=seller.id, product_id=product.id, unit_id=unit)
        assert state_of(unit) is UnitState.WITHDRAWN
        assert unit not in reserve(product, 2)

    def test_reserved_and_sold_units_stay(self, product, seller):
        (sold,) = sell(product)
        (reserved,) = reserve(product)
        for unit in (sold, reserved):
            with pytest.raises(UnitNotFree):
                stock.withdraw_unit(seller_id=seller.id, product_id=product.id, unit_id=unit)
        assert queries.counts(product.id) == queries.Counts(free=1, reserved=1, sold=1)

    def test_batch_gives_up_only_what_is_free(self, product, seller):
        batch = stock_up(product, ["fourth", "fifth"])
        reserve(product, 4)
        count = stock.withdraw_batch(seller_id=seller.id, product_id=product.id, batch_id=batch)
        assert count == 1
        assert queries.counts(product.id) == queries.Counts(reserved=4, withdrawn=1)

    def test_strangers_find_nothing(self, product):
        stranger = make_user(roles=["seller"])
        own = make_product(stranger, kind="key", stock=["own"])
        (unit,) = reserve(product, 1, holder := new_id())
        stock.release(holders=[holder])
        batch = queries.batches(product.id).items[0].id
        for place in (product.id, own.id):
            with pytest.raises(NoSuchUnit):
                stock.withdraw_unit(seller_id=stranger.id, product_id=place, unit_id=unit)
            with pytest.raises(NoSuchUnit):
                stock.withdraw_batch(seller_id=stranger.id, product_id=place, batch_id=batch)
        assert queries.counts(product.id).free == 3


class TestOpen:
    def test_unknown_unit(self, app):
        with pytest.raises(NoSuchUnit):
            stock.open_units(unit_ids=[new_id()])
        with pytest.raises(NoSuchUnit):
            stock.open_contents(content_ids=[new_id()])

    def test_moved_to_another_product_it_can_not_be_opened(self, product, seller):
        other = make_product(seller, kind="key", stock=["other"])
        (unit,) = reserve(product)
        change(unit, product_id=other.id)
        with pytest.raises(StockUnreadable):
            stock.open_units(unit_ids=[unit])

    def test_swapped_ciphertexts_can_not_be_opened(self, product):
        one, two = reserve(product, 2)
        sealed = db.session.execute(
            db.select(StockItem.sealed).where(StockItem.id == two)
        ).scalar_one()
        change(one, sealed=sealed)
        with pytest.raises(StockUnreadable):
            stock.open_units(unit_ids=[one])

    def test_one_damaged_row_leaves_the_others_readable(self, product, caplog):
        bad, good = reserve(product, 2)
        change(bad, sealed=text("overlay(sealed placing '\\x00'::bytea from 20)"))
        with pytest.raises(StockUnreadable) as refusal:
            stock.open_units(unit_ids=[bad])
        assert refusal.value.kind is Kind.UNAVAILABLE
        assert opened_units([good]) == ["second"]
        (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
        assert record.item == str(bad)
        assert "first" not in caplog.text

    def test_missing_or_wrong_master_key_never_delivers_garbage(self, app, product, monkeypatch):
        (unit,) = reserve(product)
        fingerprints = b"f" * 32
        for keys in ({2: b"k" * 32}, {1: b"k" * 32}):
            monkeypatch.setitem(app.extensions, "vault", Vault(keys, fingerprints))
            with pytest.raises(StockUnreadable):
                stock.open_units(unit_ids=[unit])


@transactional
def change(unit_id, **values):
    db.session.execute(update(StockItem).where(StockItem.id == unit_id).values(**values))
