"""For how long a seller's share is held after a sale, when it is paid out, and why not."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from app.payments.models import HoldReason
from app.settings import Settings

REASON_MIN, REASON_MAX = 3, 1000  # characters of an administrator's reason


@dataclass(frozen=True)
class Standing:
    """What a seller has behind them, by which a hold goes."""

    sales: int = 0
    first_sale_at: datetime | None = None
    # When the last dispute about their sales was opened that is open yet, or was lost.
    disputed_at: datetime | None = None


@dataclass(frozen=True)
class Hold:
    """So many days, and why."""

    days: int
    reason: HoldReason


@dataclass(frozen=True)
class Release:
    """When a share becomes available, and why not earlier."""

    at: datetime
    reason: HoldReason


def hold_of(standing: Standing, now: datetime, settings: Settings) -> Hold:
    """The longest of the holds that apply to a sale made now.

    Whatever else shall hold a seller's money longer is one more of them.
    """
    holds = [Hold(settings.hold_days, HoldReason.STANDARD)]
    if _is_new(standing, now, settings):
        holds.append(Hold(settings.new_seller_hold_days, HoldReason.NEW_SELLER))
    if _is_disputed(standing, now, settings):
        holds.append(Hold(settings.dispute_hold_days, HoldReason.DISPUTE))
    return max(holds, key=lambda hold: hold.days)  # of equally long ones the first


def release_of(standing: Standing, now: datetime, settings: Settings) -> Release:
    """When the share of a sale made now becomes available."""
    hold = hold_of(standing, now, settings)
    return Release(now + timedelta(days=hold.days), hold.reason)


def release_of_line(release: Release, returnable_until: datetime | None) -> Release:
    """When the share of a line becomes available of which unopened pieces can be returned so long.

    The reason stays that of the hold: the other one goes once all pieces are opened.
    """
    if returnable_until is None or returnable_until <= release.at:
        return release
    return Release(returnable_until, release.reason)


def holds_new_sellers_longer(settings: Settings) -> bool:
    """Whether there is a rule for new sellers at all."""
    begins = settings.new_seller_sales or settings.new_seller_days
    return bool(begins) and settings.new_seller_hold_days > settings.hold_days


def _is_new(standing: Standing, now: datetime, settings: Settings) -> bool:
    """Whether a seller has made too few sales, or began too lately."""
    first = standing.first_sale_at or now
    return standing.sales < settings.new_seller_sales or now - first < timedelta(
        days=settings.new_seller_days
    )


def holds_disputed_longer(settings: Settings) -> bool:
    """Whether there is a rule for sellers with a dispute lately at all."""
    return bool(settings.dispute_hold_within_days) and (
        settings.dispute_hold_days > settings.hold_days
    )


def _is_disputed(standing: Standing, now: datetime, settings: Settings) -> bool:
    """Whether a dispute about a seller's sales is open, or was lost, that is not long ago."""
    within = timedelta(days=settings.dispute_hold_within_days)
    return standing.disputed_at is not None and now - standing.disputed_at < within


class Obstacle(StrEnum):
    """Why a seller is not paid now."""

    BANNED = "banned"
    LIVE = "live"  # a payout is under way
    OWES = "owes"  # more went back than was there
    NO_ADDRESS = "no_address"
    ADDRESS_CHANGED = "address_changed"
    BELOW_MINIMUM = "below_minimum"
    # The last one came back, and the same again would: the seller has to do something first.
    CAME_BACK = "came_back"


@dataclass(frozen=True)
class Payee:
    """What there is to know of a seller who is to be paid. Amounts are minor units."""

    available_minor: int
    paypal_email: str | None
    address_changed_at: datetime | None
    is_banned: bool
    is_live: bool
    came_back_at: datetime | None  # when the last payout did, for a reason of the seller's


def obstacle_to(payee: Payee, now: datetime, settings: Settings, *, asked: bool) -> Obstacle | None:
    """What stands in the way of paying a seller now, the first thing; None if nothing does.

    `asked` is whether the seller asks for it, who may want to have tried again what came back.
    """
    in_the_way = (
        (Obstacle.BANNED, payee.is_banned),
        (Obstacle.LIVE, payee.is_live),
        (Obstacle.OWES, payee.available_minor < 0),
        (Obstacle.NO_ADDRESS, payee.paypal_email is None),
        (Obstacle.ADDRESS_CHANGED, now < paused_until(payee, settings)),
        (Obstacle.CAME_BACK, not asked and _waits_for_the_seller(payee)),
        (Obstacle.BELOW_MINIMUM, payee.available_minor < settings.payout_min_minor),
    )
    return next((obstacle for obstacle, is_there in in_the_way if is_there), None)


def paused_until(payee: Payee, settings: Settings) -> datetime:
    """Until when nothing is paid since the address was changed; long ago if it was not."""
    if payee.address_changed_at is None:
        return datetime.min.replace(tzinfo=UTC)
    return payee.address_changed_at + timedelta(hours=settings.payout_pause_hours)


def _waits_for_the_seller(payee: Payee) -> bool:
    back, changed = payee.came_back_at, payee.address_changed_at
    return back is not None and (changed is None or changed < back)


def next_payday(today: date, days: Collection[int]) -> date | None:
    """The first day from today on which sellers are paid; None if there is none.

    `days` are those of a week, Monday as 0.
    """
    week = (today + timedelta(days=ahead) for ahead in range(7))
    return next((day for day in week if day.weekday() in days), None)


def last_payday(today: date, days: Collection[int]) -> date | None:
    """The last day up to today on which sellers were to be paid; None if there is none."""
    week = (today - timedelta(days=back) for back in range(7))
    return next((day for day in week if day.weekday() in days), None)
