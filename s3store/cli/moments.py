"""Times and ages, as people write them on a command line: types of options."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def age(text: str) -> timedelta:
    """Read how long something takes: `90` or `90s`, `5m`, `2h`, `3d`, `1w`. Raises `BadParameter`."""
    found = _age(f"{text}s" if text[-1:].isdigit() else text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no age, such as 90 (seconds), 5m, 2h, 3d or 1w")
    return found


def moment(text: str) -> datetime:
    """Read a time, or how long ago it was: `2026-03-14`, `2026-03-14T09:26`, `09:26` (today), `2h`, `3d`.

    A time without a zone is UTC, as all that is shown. Raises `BadParameter`.
    """
    found = _ago(text) or _today(text) or _date(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time, such as 2026-03-14, 2026-03-14T09:26, 09:26, 2h or 3d (ago)")
    return found


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def _age(text: str) -> timedelta | None:
    match = _AGE.fullmatch(text)
    try:
        return None if match is None else timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        return None


def _ago(text: str) -> datetime | None:
    found = _age(text)
    try:
        return None if found is None else utc_now() - found
    except OverflowError:
        return None


def _today(text: str) -> datetime | None:
    if ":" not in text:
        return None  # `time.fromisoformat` takes 2026 for 20:26.
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        return None
    zone = clock.tzinfo or UTC
    return datetime.combine(utc_now().astimezone(zone), clock, zone)


def _date(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
