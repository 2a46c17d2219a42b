"""Names of a framework within the ids of sessions."""

from __future__ import annotations


def part(text: str) -> str:
    """Return a name so that no slash is in it; `urllib.parse.unquote` gives it back."""
    return text.replace("%", "%25").replace("/", "%2F")
