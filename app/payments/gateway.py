"""The words in which the shop and PayPal's adapter speak: orders, captures, refusals, silence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.kit.money import Money


class PaypalUnknown(Exception):
    """No answer, or one that says nothing: what was asked may or may not have happened."""


class PaypalRefused(Exception):
    """PayPal refused; `issue` is its word for why (`details[0].issue`, else the error's name).

    `name` is the error's own, and among `links` is the address of what is there already, where
    that is why.
    """

    def __init__(
        self, issue: str, status: int, *, name: str = "", links: Sequence[str] = ()
    ) -> None:
        super().__init__(issue)
        self.issue = issue
        self.status = status
        self.name = name or issue
        self.links = tuple(links)


@dataclass(frozen=True)
class PaypalItem:
    """A line of what is paid for."""

    name: str
    quantity: int
    unit_minor: int


@dataclass(frozen=True)
class PaypalCapture:
    """A capture as PayPal tells of it. `fee_minor` may be told later than all else."""

    id: str
    status: str
    amount: Money
    custom_id: str
    fee_minor: int | None
    reason: str | None


@dataclass(frozen=True)
class PaypalRefund:
    """A refund as PayPal tells of it; `number` is ours, "" for one that was not asked for here."""

    id: str
    status: str
    amount: Money
    number: str
    note: str
    reason: str | None


@dataclass(frozen=True)
class PaypalWebhook:
    """Where PayPal sends events, and which; "*" stands for all."""

    id: str
    url: str
    events: tuple[str, ...]


@dataclass(frozen=True)
class PaypalLine:
    """A line of PayPal's list of transactions; `fee_minor` is negative where a fee was taken.

    `reference_id` is the transaction that it is about, `custom` what we had told PayPal of it.
    """

    transaction_id: str
    code: str
    amount: Money
    fee_minor: int
    initiated_at: datetime
    reference_id: str | None
    custom: str | None


@dataclass(frozen=True)
class PaypalOrder:
    """An order as PayPal tells of it."""

    id: str
    status: str
    custom_id: str
    payee: str
    approve_url: str | None
    captures: tuple[PaypalCapture, ...]
    refunds: tuple[PaypalRefund, ...] = ()


@dataclass(frozen=True)
class PaypalPayout:
    """An item of a batch of payouts: what is wanted, by the number that it has here."""

    number: str
    receiver: str
    amount: Money


@dataclass(frozen=True)
class PaypalPayoutItem:
    """An item as PayPal tells of it. `fee` is None where it tells none."""

    id: str
    batch_id: str
    number: str
    status: str
    amount: Money
    fee: Money | None
    issue: str | None


@dataclass(frozen=True)
class PaypalPayoutBatch:
    """A batch as PayPal tells of it, with a page of its items."""

    id: str
    status: str
    number: str
    items: tuple[PaypalPayoutItem, ...] = ()
    pages: int = 1


@dataclass(frozen=True)
class PaypalDispute:
    """A dispute as PayPal tells of it; minor units are of the disputed amount's currency.

    `settled_minor` is what the seller has paid of it, None where PayPal lists no such movement;
    `fee_minor` what PayPal charges the seller for it now. `capture_ids` and `custom_ids` name the
    payment, `evidence_notes` are what was sent to PayPal as evidence.
    """

    id: str
    updated_at: datetime
    status: str
    stage: str
    reason: str
    amount: Money
    capture_ids: tuple[str, ...]
    custom_ids: tuple[str, ...]
    outcome: str | None
    refunded_minor: int | None
    settled_minor: int | None
    fee_minor: int
    movements: int
    respond_by: datetime | None
    takes_evidence: bool
    note: str
    evidence_notes: tuple[str, ...]
