"""For how long a seller's share is held after a sale, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.payments.models import HoldReason
from app.settings import Settings

REASON_MIN, REASON_MAX = 3, 1000  # characters of why a difference is booked


@dataclass(frozen=True)
class Standing:
    """What a seller has behind them, by which a hold goes."""

    sales: int = 0
    first_sale_at: datetime | None = None


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
    return max(holds, key=lambda hold: hold.days)  # of equally long ones the first


def release_of(standing: Standing, now: datetime, settings: Settings) -> Release:
    """When the share of a sale made now becomes available."""
    hold = hold_of(standing, now, settings)
    return Release(now + timedelta(days=hold.days), hold.reason)


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
