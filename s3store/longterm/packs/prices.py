"""What it takes to restore packs: money and hours, reckoned from prices that are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...objects.tiers import Storage, Tier

GIGABYTE = 1024**3
"""The bytes of what AWS bills as a gigabyte."""
_DAYS_OF_A_MONTH = 30


@dataclass(frozen=True, slots=True)
class RestorePrice:
    """What a restore from one class by one tier costs and takes."""

    per_gigabyte: float
    """For each gigabyte (2**30 bytes) that is retrieved."""
    per_request: float
    hours: float
    """How long it takes at most, as a rule."""


@dataclass(frozen=True, slots=True)
class RestorePrices:
    """A table of prices, in any one currency."""

    as_of: str
    """Whose prices these are, where, and from when."""
    restore: Mapping[tuple[str, Tier], RestorePrice]
    """By class and tier; what is missing cannot be reckoned."""
    copy_per_gigabyte_month: float
    """For the readable copy that is kept beside the archived object, by gigabyte and 30 days."""


# Looked up in November 2026: for GLACIER in an example that AWS reckons (repost.aws, "s3-manage-data-retrieval": 1,000
# requests at $0.05, expedited $10, a gigabyte at $0.01), for DEEP_ARCHIVE in copies of the price list from 2023.
ESTIMATE = RestorePrices(
    as_of="AWS, us-east-1, US$, list prices of 2025; an estimate, look at your own",
    restore={
        ("GLACIER", "expedited"): RestorePrice(0.03, 0.01, 5 / 60),
        ("GLACIER", "standard"): RestorePrice(0.01, 0.00005, 5),
        ("GLACIER", "bulk"): RestorePrice(0.0, 0.0, 12),
        ("DEEP_ARCHIVE", "standard"): RestorePrice(0.02, 0.0001, 12),
        ("DEEP_ARCHIVE", "bulk"): RestorePrice(0.0025, 0.000025, 48),
    },
    copy_per_gigabyte_month=0.023,
)
"""The default table; pass another to `restore` where you pay other prices."""


@dataclass(frozen=True, slots=True)
class RestoreCost:
    """What a restore takes."""

    requests: int
    """One for each pack."""
    bytes: int
    """How much is retrieved: whole packs, also where one session of each is wanted."""
    money: float | None
    """In the currency of the prices; None where they lack the class or the tier."""
    hours: float | None
    """When the last pack is there at the latest, as a rule; None as above."""
    prices: str
    """Which prices that is reckoned by."""


def cost_of(packs: Iterable[Storage], days: int, tier: Tier, prices: RestorePrices) -> RestoreCost:
    """Reckon what it takes to restore these packs for some days."""
    requests = size = 0
    money: float | None = 0.0
    hours: float | None = 0.0
    for pack in packs:
        requests += 1
        size += pack.size
        price = prices.restore.get((pack.storage_class, tier))
        if price is None or money is None or hours is None:
            money = hours = None
            continue
        kept = prices.copy_per_gigabyte_month * days / _DAYS_OF_A_MONTH
        money += price.per_request + pack.size / GIGABYTE * (price.per_gigabyte + kept)
        hours = max(hours, price.hours)
    return RestoreCost(requests, size, money, hours, prices.as_of)
