"""How the index is cut and merged. Only tests have a reason to choose other sizes than these."""

from __future__ import annotations

from dataclasses import dataclass

from ..keys import spreads

FAN_IN = 8
"""How many runs of one tier become one of the next."""


@dataclass(frozen=True, slots=True)
class IndexSizes:
    """The sizes of the index of one archive, as one process writes it. Any of them can be read by all."""

    page_entries: int = 8192
    """The most entries on one page."""
    page_bytes: int = 8 * 1024 * 1024
    """The most JSON on one page, unless a single entry is larger."""
    fan_in: int = FAN_IN
    """How many runs of one tier become one of the next."""
    long: int = 24 * 60 * 60 * 1_000_000
    """Sessions that changed over more than so many microseconds stand on pages of their own: a page of short-lived ones
    tells by its times alone which older pages it has nothing to do with."""
    taken_back: int = 16
    """How many replaced entries of the log a process collects before it takes them back."""
    prefixes: tuple[str, ...] = tuple(spreads())
    """The prefixes under which all heads are listed, some side by side. Together they hold every session."""
