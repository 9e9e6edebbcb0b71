"""The mutants: what protects, how it is taken out, and the test that must turn red then.

The place is the exact text of a protection, which occurs in its file once; `tests/test_mutants.py`
sees to it that it still does.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`stands` in the file at `path` becomes `instead`; `test` is a test's id, or a file's."""

    name: str
    protection: str
    path: str
    stands: str
    instead: str
    test: str


_SHOP = "migrations/versions/20261123_create_shop.py"
_SALE = "tests/orders/test_sale.py"
_PAYING = "tests/payments/test_paying.py"

MUTANTS = (
    Mutant(
        "claim without lock",
        "row locks: two buyers never claim one unit",
        "app/products/service/stock.py",
        """\
        FOR UPDATE SKIP LOCKED
    )
    UPDATE stock_item SET state = 'reserved', holder = %(holder)s, reserved_until = %(until)s
    FROM claimable WHERE stock_item.id = claimable.id AND stock_item.state = 'free'
""",
        """\
    )
    UPDATE stock_item SET state = 'reserved', holder = %(holder)s, reserved_until = %(until)s
    FROM claimable WHERE stock_item.id = claimable.id
""",
        "tests/products/test_stock_race.py::test_exactly_as_many_buyers_as_keys_are_served",
    ),
    Mutant(
        "basket without lock",
        "row lock: any number of clicks make one order",
        "app/orders/service/basket.py",
        "    query = select(Basket).where(which).with_for_update()\n",
        "    query = select(Basket).where(which)\n",
        f"{_SALE}::TestOneOrder::test_twenty_parallel_checkouts_of_a_basket_make_one_order",
    ),
    Mutant(
        "fingerprint twice",
        "unique index: a value is on sale or sold once",
        _SHOP,
        """\
        ["fingerprint"],
        unique=True,
""",
        """\
        ["fingerprint"],
        unique=False,
""",
        "tests/products/test_importing.py::TestTakeIn::test_unique_index_has_the_last_word",
    ),
    Mutant(
        "movement twice",
        "unique index: a movement is booked once for its reference",
        _SHOP,
        '        sa.UniqueConstraint("kind", "reference", '
        'name="uq_ledger_transaction_kind_reference"),\n',
        "",
        "tests/payments/test_ledger.py::TestBookSale"
        "::test_second_booking_of_a_payment_is_refused_by_the_database",
    ),
    Mutant(
        "unbalanced ledger",
        "trigger: every movement sums to zero",
        _SHOP,
        "    op.execute(ZERO_SUM)\n",
        '    op.execute(ZERO_SUM + "; DROP TRIGGER zero_sum ON ledger_entry")\n',
        "tests/payments/test_ledger.py::TestAppendOnly"
        "::test_unbalanced_transaction_is_refused_at_commit",
    ),
    Mutant(
        "signature not verified",
        "signature: the webhook is PayPal's",
        "app/payments/signatures.py",
        "            key.verify(signature, signed.encode(), padding.PKCS1v15(), SHA256())\n",
        "",
        "tests/orders/test_webhooks.py::TestForged::test_forged_webhook_is_refused_and_not_stored",
    ),
    Mutant(
        "certificate from anywhere",
        "address: certificates come from PayPal's hosts alone",
        "app/payments/signatures.py",
        """\
parts.hostname in CERTIFICATE_HOSTS:
            return CERTIFICATE_HOSTS[parts.hostname]
""",
        """\
parts.hostname:
            return CERTIFICATE_HOSTS["api.paypal.com"]
""",
        "tests/payments/test_certificates.py::test_nothing_is_fetched_from_elsewhere",
    ),
    Mutant(
        "event stored twice",
        "replay: an event's id is taken in once",
        "app/payments/service/inbound.py",
        '            .on_conflict_do_nothing(index_elements=["event_id"])\n',
        "",
        "tests/orders/test_webhooks.py::TestForged::test_true_webhook_replayed_has_no_effect",
    ),
    Mutant(
        "amount not compared",
        "amount: what PayPal took is what was asked for",
        "app/payments/service/recording.py",
        '            ("amount", _words(capture.amount), _words(asked)),\n',
        "",
        f"{_PAYING}::TestRecord::test_capture_that_is_not_ours_settles_nothing",
    ),
    Mutant(
        "payee not compared",
        "payee: the money came to us",
        "app/payments/service/recording.py",
        '            ("payee", order.payee, payment.payee),\n',
        "",
        f"{_PAYING}::TestRecord::test_order_that_is_not_ours_settles_nothing",
    ),
    Mutant(
        "custom id not compared",
        "custom id: the capture is this order's",
        "app/payments/service/recording.py",
        '            ("custom id", capture.custom_id, str(payment.reference)),\n',
        "",
        f"{_PAYING}::TestRecord::test_capture_that_is_not_ours_settles_nothing",
    ),
    Mutant(
        "pending counts as paid",
        "state: only a completed capture pays",
        "app/payments/service/recording.py",
        '        elif capture.status == "COMPLETED":\n            _settle(payment, capture)\n',
        '        elif capture.status in {"COMPLETED", "PENDING"}:\n'
        "            _settle(payment, capture)\n",
        "tests/orders/test_webhooks.py::TestPending"
        "::test_pending_payment_delivers_nothing_until_the_money_is_there",
    ),
    Mutant(
        "another request id each time",
        "idempotency key: a lost answer makes no second PayPal order",
        "app/payments/service/paying.py",
        '"-".join(filter(None, ("create", str(payment.id), locale, known)))',
        'f"create-{new_id()}"',
        f"{_SALE}::TestLostAnswers::test_lost_answer_to_creating_an_order_makes_no_second_one",
    ),
    Mutant(
        "settled again",
        "state: a payment is settled once",
        "app/payments/service/recording.py",
        """\
    if payment.state is PaymentState.SETTLED:
        _book_late_fee(payment, order)
    elif capture is not None:
""",
        """\
    if capture is not None:
""",
        f"{_PAYING}::TestRecord::test_completed_capture_settles_once",
    ),
    Mutant(
        "fewer units than bought",
        "number: what is sold is what was bought",
        "app/products/service/stock.py",
        "    if len(units) != quantity:\n",
        "    if not units:\n",
        "tests/products/test_stock.py::TestSell"
        "::test_another_number_than_held_is_a_bug_and_changes_nothing",
    ),
    Mutant(
        "any move is allowed",
        "state: moves that are not in the table are refused",
        "app/kit/states.py",
        "    if to not in table[row.state]:\n",
        "    if to not in table:\n",
        f"{_PAYING}::TestTransitions::test_only_moves_of_the_table_are_made",
    ),
    Mutant(
        "banned people trade on",
        "state: a ban before the capture stops the sale",
        "app/orders/service/capturing.py",
        "    if any(person.banned_at is not None for person in people.values()):\n",
        "    if not people:\n",
        f"{_SALE}::TestChangedMeanwhile::test_ban_before_the_capture_stops_the_sale",
    ),
    Mutant(
        "stranger captures",
        "ownership: a buyer captures their own orders alone",
        "app/orders/service/capturing.py",
        "if order is None or (buyer_id is not None and order.buyer_id != buyer_id):",
        "if order is None:",
        "tests/orders/test_webhooks.py::TestStrangersOrder"
        "::test_another_buyers_order_can_not_be_captured",
    ),
    Mutant(
        "stranger reveals",
        "ownership: a buyer opens their own pieces alone",
        "app/orders/service/reveal.py",
        "if order is None or order.buyer_id != viewer.user_id:",
        "if order is None:",
        "tests/orders/test_reveal.py::TestReveal::test_strangers_and_other_orders_pieces_are_refused",
    ),
    Mutant(
        "goods and money",
        "state: what goes back is nobody's to open",
        "app/orders/service/reveal.py",
        "    deliveries = [one for one in deliveries if (one.line_id, one.position) not in back]\n",
        "    deliveries = [one for one in deliveries if back or one]\n",
        "tests/orders/test_refunds.py::TestReturn"
        "::test_unopened_piece_goes_back_into_stock_and_the_other_stays",
    ),
    Mutant(
        "stranger returns",
        "ownership: a buyer returns their own pieces alone",
        "app/orders/service/returning.py",
        "    if order is None or order.buyer_id != buyer_id:\n",
        "    if order is None:\n",
        "tests/orders/test_refunds.py::TestReturn::test_strangers_return_nothing",
    ),
    Mutant(
        "opened pieces returned",
        "state: what was opened is not given back by a click",
        "app/orders/service/returning.py",
        "        is_open = delivery.revealed_at is not None\n",
        "        is_open = False\n",
        "tests/orders/test_refunds.py::TestReturn"
        "::test_opened_piece_is_left_out_and_refused_by_itself",
    ),
    Mutant(
        "no token in forms",
        "CSRF: a change that people ask for comes from a page of ours",
        "app/kit/csrf.py",
        "        protection.protect(apply_exemptions=True)\n",
        "        pass\n",
        "tests/test_access_matrix.py::test_every_change_asks_for_the_forms_token",
    ),
    Mutant(
        "routes ask nobody",
        "rights: a route admits whom it says",
        "app/kit/access.py",
        "    if rule is None or not _admits(rule, current_user.role_names):\n",
        "    if rule is None:\n",
        "tests/test_access_matrix.py::test_every_route_answers_everybody_as_the_table_says",
    ),
    Mutant(
        "key reused for another request",
        "idempotency key: another request under it is refused",
        "app/kit/api/idempotency.py",
        "    if found is not None and found.fingerprint != fingerprint:\n",
        "    if found is not None and not found.fingerprint:\n",
        "tests/api/test_manners.py::TestIdempotency::test_another_body_under_the_key_is_refused",
    ),
    Mutant(
        "outbox without lease",
        "lease: an outside listener is not started twice at once",
        "app/kit/outbox.py",
        """\
            OutboxRow.available_at <= func.statement_timestamp(),
        )
        .values(""",
        """\
        )
        .values(""",
        "tests/kit/test_outbox.py::TestOutsideListener::test_is_not_started_twice_within_its_lease",
    ),
    Mutant(
        "outbox row done again",
        "state: a listener's effect happens once, however often it is nudged",
        "app/kit/outbox.py",
        "OutboxRow.id == row_id, OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None))",
        "OutboxRow.id == row_id, OutboxRow.parked_at.is_(None))",
        "tests/kit/test_outbox.py::TestLocalListener::test_runs_once_however_often_it_is_nudged",
    ),
    Mutant(
        "sealed for anywhere",
        "sealing: a unit moved to another row stays shut",
        "app/kit/crypto.py",
        '    return place + key_version.to_bytes(4, "big")\n',
        '    return key_version.to_bytes(4, "big")\n',
        "tests/products/test_stock.py::TestOpen::test_swapped_ciphertexts_can_not_be_opened",
    ),
    Mutant(
        "network within a transaction",
        "no row stays locked while somebody outside is waited for",
        "app/payments/paypal/__init__.py",
        "        assert_no_transaction()\n        try:\n            is_asked_again",
        "        try:\n            is_asked_again",
        "tests/payments/test_paypal.py::TestCalls::test_nothing_is_asked_inside_a_transaction",
    ),
    Mutant(
        "webhooks to our own network",
        "addresses: sellers' webhooks reach the public internet alone",
        "app/webhooks/posting.py",
        "    if not private and not all(is_public(address) for address in addresses):\n",
        "    if not private and not addresses:\n",
        "tests/webhooks/test_addresses.py::test_our_own_network_is_not_reached",
    ),
)
