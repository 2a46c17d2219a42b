"""What woke the function: which sessions have messages, said by SQS, by S3, by EventBridge or by the caller itself.

A message comes in one of two ways. A *letter* carries it, and has yet to be put into the session's inbox. A *bell* is
an object that rang when somebody put it there; that S3 created it is told directly, through SQS, or by EventBridge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_plus

import orjson

from ..errors import InvalidOption
from ..keys import bell_of_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..jsontext import JsonValue


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for a session, with the idempotency key that makes it one message however often it comes."""

    session_id: str
    message: JsonValue
    key: str | None


@dataclass(frozen=True, slots=True)
class Bell:
    """The key, within the archive, of an object that says that a session's inbox may hold a message."""

    key: str


News: TypeAlias = Letter | Bell


@dataclass(frozen=True, slots=True)
class Wake:
    """One item of an event."""

    item: str | None
    """The id by which SQS is told that it failed; None for what did not come from SQS."""
    news: tuple[News, ...] = ()
    """What it says; nothing for the event by which S3 tries a new notification."""
    fault: InvalidOption | None = None
    """Why it could not be read."""


def wakes_of(event: object) -> list[Wake]:
    """Take an event apart.

    An item of SQS that cannot be read is returned with its `fault`, so that it alone goes to the dead letters; any
    other event that cannot be read raises `InvalidOption`. What the event holds is not told by either.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and records and all(_source(record) == "aws:sqs" for record in records):
        return [_queued(record) for record in records]
    return [Wake(None, tuple(_news(event, None)))]


def _queued(record: dict[str, Any]) -> Wake:
    item = record.get("messageId")
    if not isinstance(item, str):
        raise InvalidOption("an event of SQS: a record has no messageId")
    try:
        return Wake(item, tuple(_news(orjson.loads(record.get("body", "")), item)))
    except orjson.JSONDecodeError:
        return Wake(item, fault=InvalidOption(f"item {item} of SQS: its body is not JSON"))
    except InvalidOption as fault:
        return Wake(item, fault=InvalidOption(f"item {item} of SQS: {fault}"))


def _news(event: Any, item: str | None) -> Iterator[News]:
    match event:
        case {"Event": "s3:TestEvent"}:
            return
        case {"session_id": str(session_id), "message": message}:
            yield Letter(session_id, message, _key(event.get("key", item)))
        case {"source": "aws.s3", "detail": {"object": {"key": str(key)}}}:
            yield from _bell(key)
        case {"Records": [*records]} if records and all(_source(record) == "aws:s3" for record in records):
            for record in records:
                yield from _bell(unquote_plus(_object_key(record)))
        case _:
            raise InvalidOption(
                "the event is none that wakes an agent: it wants session_id and message, or to be S3's of a new object"
            )


def _key(found: object) -> str | None:
    if found is not None and not isinstance(found, str):
        raise InvalidOption(f"the key of a message is text, not {type(found).__name__}")
    return found


def _bell(object_key: str) -> Iterator[Bell]:
    bell = bell_of_object(object_key)
    if bell is None:
        raise InvalidOption("the object that S3 tells of is no bell: notify of the archive's prefix mail/ alone")
    yield Bell(bell)


def _object_key(record: dict[str, Any]) -> str:
    match record:
        case {"s3": {"object": {"key": str(key)}}}:
            return key
    raise InvalidOption("an event of S3: a record names no object")


def _source(record: object) -> object:
    return record.get("eventSource") if isinstance(record, dict) else None
