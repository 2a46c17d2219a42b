"""Which bodies the records of artifacts name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CorruptObject
from ..keys import is_body_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..jsontext import JsonValue


def bodies_named(key: str, messages: Iterable[JsonValue]) -> frozenset[str]:
    """Return the names of the bodies that a set of artifacts has, after all its records.

    Raises `CorruptObject`, naming `key`, for a record that tells of no artifact.
    """
    bodies: dict[str, str | None] = {}
    try:
        for message in messages:
            if "put" in message:
                bodies[message["put"]["name"]] = message["put"].get("body")
            else:
                for name in message["remove"]:
                    bodies.pop(name, None)
    except (TypeError, LookupError, AttributeError):
        raise CorruptObject(f"{key}: holds a record that tells of no artifact") from None
    named = frozenset(body for body in bodies.values() if body is not None)
    if not all(map(is_body_name, named)):
        raise CorruptObject(f"{key}: names a body that is none")
    return named
