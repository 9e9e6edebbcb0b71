import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from app.extensions import db
from app.kit.crypto import Vault
from app.kit.db import transactional
from app.kit.ids import new_id
from app.products.errors import (
    NoSuchProduct,
    NotAllNew,
    NothingNew,
    NotStocked,
    StockUnreadable,
    TakenMeanwhile,
    UploadGone,
)
from app.products.models import Kind, StockItem, StockUpload, UnitState
from app.products.queries import stock as queries
from app.products.service import checking, importing, products, stock, uploads
from app.products.service.checking import SHOWN, Verdict
from app.products.service.reading import Fault
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.concurrency import at_once
from tests.products.stocking import (
    check,
    keep,
    lines_of,
    opened_units,
    reserve,
    sell,
    stock_up,
    take_in,
    values_of,
    wait_for_waiting_statement,
)


@pytest.fixture
def seller(app):
    return make_user(roles=["seller"])


@pytest.fixture
def product(seller):
    return make_product(seller, kind="key", stock=[])


def taken_count(product):
    units = select(func.count()).where(
        StockItem.product_id == product.id, StockItem.state == UnitState.FREE
    )
    return db.session.execute(units).scalar_one()


def stands_in_database(secret):
    """Whether any row of stock or of the outbox holds this, as text or as bytes."""
    stored = "".join(
        row
        for table in ("stock_upload", "stock_batch", "stock_item", "outbox")
        for row in db.session.scalars(text(f"SELECT t::text FROM {table} t"))
    )
    assert "\\x" in stored
    return secret in stored or secret.encode().hex() in stored


class TestDryRun:
    def test_every_line_gets_its_verdict(self, product, seller):
        other_product = make_product(seller, kind="key", stock=["OWN-OTHER-PRODUCT"])
        make_product(make_user(roles=["seller"]), kind="key", stock=["FOREIGN-KEY-0001"])
        stock_up(product, ["OWN-SOLD-KEY", "OWN-RESERVED", "OWN-FREE-KEY"])
        sell(product)
        reserve(product)
        upload = keep(
            product,
            [
                "NEW-KEY-00001",  # 1
                "OWN-FREE-KEY",
                "OWN-RESERVED",
                "OWN-OTHER-PRODUCT",
                "OWN-SOLD-KEY",  # 5
                "FOREIGN-KEY-0001",
                "NEW-KEY-00002",
                "NEW-KEY-00001",
                "  NEW-KEY-00001  ",
                "BROKEN\x00KEY",  # 10
                "x" * 4097,
                "",
                "OWN-SOLD-KEY",  # 13
            ],
        )
        run = check(product, upload)
        assert {verdict: lines_of(run, verdict) for verdict in Verdict} == {
            Verdict.NEW: [1, 7],
            Verdict.STOCKED: [2, 3, 4],
            Verdict.SOLD: [5],
            Verdict.ELSEWHERE: [6],
            Verdict.REPEATED: [8, 9, 13],
            Verdict.MALFORMED: [10, 11],
        }
        repeated = run.findings[Verdict.REPEATED].shown
        assert [finding.first_line for finding in repeated] == [1, 1, 5]
        faults = [finding.fault for finding in run.findings[Verdict.MALFORMED].shown]
        assert faults == [Fault.UNPRINTABLE, Fault.TOO_LONG]
        assert (run.lines, run.new, run.all_new) == (12, 2, False)
        assert taken_count(product) == 1
        assert taken_count(other_product) == 1

    def test_same_key_in_another_normal_form_is_the_same(self, product):
        composed, decomposed = (unicodedata.normalize(form, "КЛЮЧ-Й") for form in ("NFC", "NFD"))
        stock_up(product, [composed])
        assert composed != decomposed
        run = check(product, keep(product, [decomposed]))
        assert lines_of(run, Verdict.STOCKED) == [1]

    def test_shows_no_text_but_the_tail(self, product):
        run = check(product, keep(product, ["ABCD-EFGH-1234", "SHORT-KEY"]))
        masks = [finding.mask for finding in run.findings[Verdict.NEW].shown]
        assert masks == ["••••1234", "••••"]
        assert "ABCD" not in repr(run)
        assert "SHORT" not in repr(run)

    def test_first_lines_of_each_kind_and_how_many_more(self, product):
        run = check(product, keep(product, [f"KEY-{n}" for n in range(SHOWN + 7)]))
        found = run.findings[Verdict.NEW]
        assert (found.count, len(found.shown), found.more) == (SHOWN + 7, SHOWN, 7)

    def test_mark_is_that_of_the_unit_in_the_list(self, product):
        stock_up(product, ["ABCD-EFGH-1234"])
        run = check(product, keep(product, ["ABCD-EFGH-1234"]))
        (unit,) = queries.units(product.id, state=UnitState.FREE).items
        assert run.findings[Verdict.STOCKED].shown[0].tag == unit.tag

    def test_links_must_be_web_addresses(self, seller):
        product = make_product(seller, kind="link", shared=False, stock=[])
        run = check(product, keep(product, ["https://example.com/a", "javascript:alert(1)"]))
        assert lines_of(run, Verdict.NEW) == [1]
        assert lines_of(run, Verdict.MALFORMED) == [2]

    def test_asks_the_database_by_thousands_not_by_lines(self, product, query_counter):
        upload = keep(product, [f"KEY-{n}" for n in range(25_000)])
        query_counter.clear()
        check(product, upload)
        assert len([sql for sql in query_counter if "stock_item" in sql]) == 3


class TestTakeIn:
    def test_units_open_to_what_was_sent_in_its_order(self, product):
        lines = ["  first ", "Вторая-Й", "🔑 third", "=1+1"]
        assert take_in(product, keep(product, lines)).units == 4
        assert values_of(product) == ["first", "Вторая-Й", "🔑 third", "=1+1"]

    def test_batch_tells_its_source(self, product):
        upload = keep(product, b"key\nA1\n", source="my\x00 keys\u202e.csv", is_table=True)
        take_in(product, upload)
        (batch,) = queries.batches(product.id).items
        assert (batch.source, batch.taken, batch.counts.free) == ("my keys.csv", 1, 1)

    @pytest.mark.parametrize("last", ["KEY-1", "BROKEN\x00KEY", "SOLD-KEY"])
    def test_one_line_that_is_not_new_keeps_all_out(self, product, last):
        stock_up(product, ["SOLD-KEY"])
        sell(product)
        upload = keep(product, ["KEY-1", "KEY-2", last])
        with pytest.raises(NotAllNew):
            take_in(product, upload)
        assert taken_count(product) == 0

    def test_only_the_new_if_the_seller_says_so(self, product):
        stock_up(product, ["KEY-1"])
        upload = keep(product, ["KEY-1", "KEY-2", "KEY-2", "\x00", "KEY-3"])
        assert take_in(product, upload, only_new=True).units == 2
        assert values_of(product) == ["KEY-1", "KEY-2", "KEY-3"]

    def test_nothing_new(self, product):
        stock_up(product, ["KEY-1"])
        upload = keep(product, ["KEY-1"])
        for only_new in (False, True):
            with pytest.raises(NothingNew):
                take_in(product, upload, only_new=only_new)

    def test_second_click_answers_as_the_first(self, product):
        upload = keep(product, ["KEY-1", "KEY-2"])
        assert take_in(product, upload) == take_in(product, upload, only_new=True)
        assert taken_count(product) == 2

    def test_many_clicks_at_once_take_in_once(self, app, product):
        upload = keep(product, [f"KEY-{n}" for n in range(200)])
        place = {"product_id": product.id, "seller_id": product.seller_id}
        answers = at_once(app, [lambda: importing.take_in(upload_id=upload, **place)] * 8)
        assert answers == [importing.Taken(upload, 200)] * 8
        assert taken_count(product) == 200
        assert len(queries.batches(product.id).items) == 1

    def test_same_keys_by_two_sellers_at_once_come_in_once(self, app):
        """In opposite order, so that they would wait for each other."""
        keys = [f"KEY-{n}" for n in range(3000)]
        products = [
            make_product(make_user(roles=["seller"]), kind="key", stock=[]) for _ in range(2)
        ]
        calls = []
        for product, lines in zip(products, (keys, keys[::-1]), strict=True):
            place = {
                "upload_id": keep(product, lines),
                "product_id": product.id,
                "seller_id": product.seller_id,
            }
            calls.append(lambda place=place: importing.take_in(**place))
        answers = at_once(app, calls)
        refused = [answer for answer in answers if isinstance(answer, TakenMeanwhile | NothingNew)]
        assert len(refused) == 1
        assert sorted(taken_count(product) for product in products) == [0, 3000]

    def test_key_that_came_in_since_the_check_is_seen(self, product):
        stranger = make_product(make_user(roles=["seller"]), kind="key", stock=[])
        upload = keep(product, ["KEY-1", "KEY-2"])
        assert check(product, upload).all_new
        stock_up(stranger, ["KEY-2"])
        with pytest.raises(NotAllNew):
            take_in(product, upload)
        assert lines_of(check(product, upload), Verdict.ELSEWHERE) == [2]

    def test_unique_index_has_the_last_word(self, product, monkeypatch):
        """Whatever the check overlooks, no value comes in twice."""
        stock_up(product, ["KEY-1"])
        upload = keep(product, ["KEY-0", "KEY-1"])
        monkeypatch.setattr(checking, "_known", lambda *_: {})
        with pytest.raises(TakenMeanwhile) as refusal:
            take_in(product, upload)
        assert values_of(product) == ["KEY-1"]
        assert refusal.value.__cause__ is None
        monkeypatch.undo()
        assert take_in(product, upload, only_new=True).units == 1

    def test_withdrawn_may_come_again_even_elsewhere(self, product, seller):
        batch = stock_up(product, ["KEY-1", "KEY-2"])
        stock.withdraw_batch(seller_id=seller.id, product_id=product.id, batch_id=batch)
        other = make_product(seller, kind="key", stock=[])
        stock_up(other, ["KEY-1"])
        stock_up(product, ["KEY-2"])
        assert queries.counts(product.id) == queries.Counts(free=1, withdrawn=2)
        assert queries.counts(other.id) == queries.Counts(free=1)

    def test_sold_never_comes_again(self, product):
        stock_up(product, ["KEY-1"])
        sell(product)
        for somebody in (product, make_product(make_user(roles=["seller"]), kind="key", stock=[])):
            with pytest.raises(NothingNew):
                take_in(somebody, keep(somebody, ["KEY-1"]), only_new=True)


class TestHundredThousand:
    def test_all_come_in_or_none(self, product, query_counter):
        lines = [f"KEY-{n:06}" for n in range(100_000)]
        stock_up(product, lines[-1:])
        upload = keep(product, lines)
        with pytest.raises(NotAllNew):
            take_in(product, upload)
        assert taken_count(product) == 1
        query_counter.clear()
        assert take_in(product, upload, only_new=True).units == 99_999
        assert len(query_counter) < 60
        assert taken_count(product) == 100_000
        first = reserve(product, 3)
        opened = opened_units(first)
        assert opened == ["KEY-099999", "KEY-000000", "KEY-000001"]


class TestProductThatBecomesAnother:
    """Between the check and the taking in, its seller or a moderator may change the product."""

    @pytest.mark.parametrize(
        "change",
        ["kind = 'text', shared = true", "kind = 'link', shared = true", "state = 'removed'"],
    )
    def test_takes_in_nothing_though_the_change_is_committed_at_the_last_moment(
        self, app, product, other_connection, change
    ):
        upload = keep(product, ["KEY-1", "KEY-2"])
        assert check(product, upload).all_new
        product_id, seller_id = product.id, product.seller_id
        db.session.rollback()
        other_connection.execute("SELECT 1 FROM product WHERE id = %s FOR UPDATE", [product_id])
        other_connection.execute(f"UPDATE product SET {change} WHERE id = %s", [product_id])

        def take_it_in():
            with app.app_context():
                importing.take_in(upload_id=upload, product_id=product_id, seller_id=seller_id)

        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(take_it_in)
            wait_for_waiting_statement()
            other_connection.commit()
            with pytest.raises(NotStocked):
                asked.result(timeout=10)
        assert taken_count(product) == 0

    def test_lines_read_as_keys_are_not_taken_in_as_links(self, product):
        upload = keep(product, ["KEY-1", "https://example.com/1"])
        draft = products.Draft(
            category_id=product.category_id,
            kind=Kind.LINK,
            shared=False,
            title=product.title,
            description="",
            price_minor=product.price_minor,
        )
        products.edit_product(
            seller_id=product.seller_id,
            product_id=product.id,
            version=product.version,
            draft=draft,
        )
        with pytest.raises(UploadGone):
            take_in(product, upload)
        assert taken_count(product) == 0


class TestKeeping:
    def test_neither_waiting_nor_taken_stock_is_readable_in_the_database(self, product):
        secret = "PLAIN-SECRET-123456"
        upload = keep(product, [secret, "AND-ANOTHER-000"])
        assert not stands_in_database(secret)
        take_in(product, upload)
        assert not stands_in_database("ANOTHER")
        assert not stands_in_database(secret)

    def test_taken_and_cancelled_leave_nothing_waiting(self, product):
        take_in(product, keep(product, ["KEY-1"]))
        upload = keep(product, ["KEY-2"])
        place = {"product_id": product.id, "seller_id": product.seller_id}
        uploads.cancel(upload_id=upload, **place)
        uploads.cancel(upload_id=upload, **place)
        assert waiting() == 0
        with pytest.raises(UploadGone):
            check(product, upload)
        with pytest.raises(UploadGone):
            take_in(product, upload)

    def test_new_lines_replace_those_that_waited(self, product, seller):
        old = keep(product, ["KEY-1"])
        other = make_product(seller, kind="key", stock=[])
        kept_elsewhere = keep(other, ["KEY-9"])
        new = keep(product, ["KEY-2"])
        with pytest.raises(UploadGone):
            take_in(product, old)
        assert check(product, new).new == check(other, kept_elsewhere).new == 1

    def test_after_an_hour_they_are_gone(self, product):
        upload = keep(product, ["KEY-1"])
        assert uploads.drop_expired() == 0
        grow_old(upload)
        with pytest.raises(UploadGone):
            check(product, upload)
        with pytest.raises(UploadGone):
            take_in(product, upload)
        assert uploads.drop_expired() == 1
        assert waiting() == 0

    def test_strangers_find_nothing(self, product):
        upload = keep(product, ["KEY-1"])
        stranger = make_user(roles=["seller"])
        own = make_product(stranger, kind="key", stock=[])
        with pytest.raises(NoSuchProduct):
            uploads.keep(product_id=product.id, seller_id=stranger.id, content="KEY-2")
        with pytest.raises(NoSuchProduct):
            importing.take_in(upload_id=upload, product_id=product.id, seller_id=stranger.id)
        for place in (product.id, own.id):
            with pytest.raises(UploadGone):
                importing.dry_run(upload_id=upload, product_id=place, seller_id=stranger.id)
            uploads.cancel(upload_id=upload, product_id=place, seller_id=stranger.id)
        with pytest.raises(UploadGone):
            importing.take_in(upload_id=upload, product_id=own.id, seller_id=stranger.id)
        assert take_in(product, upload).units == 1

    def test_products_without_units_take_none_in(self, seller):
        shared = make_product(seller, kind="link", shared=True, stock=[])
        with pytest.raises(NotStocked):
            keep(shared, ["https://example.com"])

    def test_lines_sealed_under_a_lost_key_can_not_be_opened(self, app, product, monkeypatch):
        upload = keep(product, ["KEY-1"])
        monkeypatch.setitem(app.extensions, "vault", Vault({2: b"k" * 32}, b"f" * 32))
        with pytest.raises(StockUnreadable):
            check(product, upload)

    def test_nothing_of_the_stock_is_logged(self, product, caplog):
        caplog.set_level("DEBUG")
        secret = "LOGGED-SECRET-99"
        take_in(product, keep(product, [secret]))
        with pytest.raises(NothingNew):
            take_in(product, keep(product, [secret]))
        assert secret not in caplog.text


def waiting():
    return db.session.execute(text("SELECT count(*) FROM stock_upload")).scalar_one()


@transactional
def grow_old(upload_id):
    db.session.execute(
        update(StockUpload)
        .where(StockUpload.id == upload_id)
        .values(expires_at=StockUpload.expires_at - uploads.KEPT - timedelta(seconds=1))
    )


def test_unknown_upload(product):
    with pytest.raises(UploadGone):
        check(product, new_id())
