"""What it costs to move sessions to each storage class, one by one and packed: arithmetic, with its prices as inputs.

Nothing is sent anywhere. `--sessions` of `--bytes` of JSON each stand in Standard, compressed `--ratio` times; they go
as they are, or in packs of `--pack` MiB, compressed `--packed-ratio` times (measure both with `benchmarks.packs`). A
thin head stays in Standard for each packed session. The prices are S3's list prices in us-east-1, in US$, of 2025,
looked up in November 2026 in public copies of the list; a GB is 2**30 bytes, as AWS bills it. Give others as
`--price CLASS=GB-MONTH,PUT,MOVE`: a month of a GB, 1,000 PUTs to the class, 1,000 objects that a lifecycle rule moves
to it.

    objects      what stands in the class
    move, $      once: one by one by a lifecycle rule; packed, a PUT for each pack, four for each session (two swaps of
                 its head, each with an entry of the index), and four reads of it
    month, $     what is stored, with the least size that the class bills for an object, and what it adds to each one
    years        after how many years the move and its months cost less than staying; a dash: never
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from s3store.longterm.packs.prices import ESTIMATE, GIGABYTE

from .common import MIB, Table, arguments, report

_THOUSAND = 1000
_PUT, _GET = 0.005, 0.0004
"""Dollars for 1,000 requests to Standard."""
_PUTS_OF_A_SESSION, _GETS_OF_A_SESSION = 4, 4


@dataclass(frozen=True)
class StorageClass:
    """A storage class: its prices in dollars, and what it bills beside an object's own bytes."""

    name: str
    month: float
    """Of a GB."""
    put: float
    """Of 1,000 requests."""
    move: float
    """Of 1,000 objects that a lifecycle rule moves there."""
    least: int = 0
    """The fewest bytes that are billed for an object."""
    added: int = 0
    """The bytes that are billed beside those of an object, at the price of the class."""
    added_in_standard: int = 0
    """Those at the price of Standard."""

    def stored(self, objects: float, size: float, standard: float) -> float:
        """Return what so many objects of this size cost a month, in dollars; `standard` is a GB-month of Standard."""
        billed = max(size, self.least) + self.added
        return objects * (billed * self.month + self.added_in_standard * standard) / GIGABYTE


_CLASSES = (
    StorageClass("STANDARD", ESTIMATE.copy_per_gigabyte_month, 0.005, 0.0),
    StorageClass("STANDARD_IA", 0.0125, 0.01, 0.01, least=128 * 1024),
    StorageClass("GLACIER_IR", 0.004, 0.02, 0.02, least=128 * 1024),
    StorageClass("GLACIER", 0.0036, 0.03, 0.03, added=32 * 1024, added_in_standard=8 * 1024),
    StorageClass("DEEP_ARCHIVE", 0.00099, 0.05, 0.05, added=32 * 1024, added_in_standard=8 * 1024),
)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=32_000, help="of JSON, of each session")
    parser.add_argument("--ratio", type=float, default=3.7, help="compression of sessions one by one")
    parser.add_argument("--packed-ratio", type=float, default=12.0, help="compression in packs")
    parser.add_argument("--head", type=int, default=825, help="bytes of a thin head")
    parser.add_argument("--pack", type=int, default=256, help="MiB of a pack")
    parser.add_argument("--price", type=_price, action="append", default=[], metavar="CLASS=GB-MONTH,PUT,MOVE")
    given = parser.parse_args()
    prices = dict(given.price)
    classes = [_priced(each, prices.pop(each.name, None)) for each in _CLASSES]
    if prices:
        parser.error(f"no such class: {', '.join(prices)}; known are {', '.join(each.name for each in _CLASSES)}")
    report("class costs", [costs(given, classes)], as_json=given.json)


def costs(given: argparse.Namespace, classes: list[StorageClass]) -> Table:
    """Return the table of what each class costs, one by one and packed. The first of `classes` is Standard."""
    standard = classes[0].month
    size = given.bytes / given.ratio
    packed_bytes = given.sessions * given.bytes / given.packed_ratio
    packs = -(-packed_bytes // (given.pack * MIB))
    heads = classes[0].stored(given.sessions, given.head, standard)
    packing = given.sessions * (_PUTS_OF_A_SESSION * _PUT + _GETS_OF_A_SESSION * _GET) / _THOUSAND
    staying = classes[0].stored(given.sessions, size, standard)
    table = Table(
        f"{given.sessions:,} sessions of {given.bytes:,} bytes of JSON", ("", "objects", "move, $", "month, $", "years")
    )
    for each in classes:
        moved = given.sessions * each.move / _THOUSAND
        stored = each.stored(given.sessions, size, standard)
        table.add(f"{each.name}, one by one", given.sessions, moved, stored, _years(moved, stored, staying))
        moved = packs * each.put / _THOUSAND + packing
        stored = each.stored(packs, packed_bytes / packs, standard) + heads
        table.add(f"{each.name}, packed", int(packs), moved, stored, _years(moved, stored, staying))
    return table


def _years(moved: float, stored: float, staying: float) -> float | None:
    return moved / (staying - stored) / 12 if stored < staying else None


def _priced(each: StorageClass, price: tuple[float, float, float] | None) -> StorageClass:
    if price is None:
        return each
    month, put, move = price
    return StorageClass(each.name, month, put, move, each.least, each.added, each.added_in_standard)


def _price(text: str) -> tuple[str, tuple[float, float, float]]:
    name, equals, numbers = text.partition("=")
    try:
        month, put, move = map(float, numbers.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not CLASS=GB-MONTH,PUT,MOVE") from None
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not CLASS=GB-MONTH,PUT,MOVE")
    return name, (month, put, move)


if __name__ == "__main__":
    main()
