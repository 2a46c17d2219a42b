"""Times as the archive writes them: UTC, RFC 3339, always six digits of a second and a `Z`, so that they sort."""

from __future__ import annotations

from datetime import UTC, datetime

END_OF_TIME = datetime.max.replace(tzinfo=UTC)
"""No time is later than this."""


def format_time(moment: datetime) -> str:
    """Write an aware datetime as text; the text sorts as the time does."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}Z"


def parse_time(text: str) -> datetime:
    """Read what `format_time` wrote. Raises `ValueError` for anything that is no time with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time that is in no year of UTC") from None
