"""What can be done to a session in one commit: `store.commit(id, Append(…), Update(state="idle"))`.

A change checks and encodes what it is given when it is made, so that a wrong message is refused before anything
is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import InvalidOption
from .jsontext import EncodedMessages, encode_messages
from .model import Metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from .jsontext import JsonValue
    from .model import Record
    from .streams.consumption import Consumption


class Append:
    """Add one message at the end.

    `key` is an idempotency key: if the transcript holds a record with that key already, nothing is added.
    Raises `InvalidRecord` and `TooLarge` as `s3store.jsontext.encode_messages` says.
    """

    __slots__ = ("messages",)

    def __init__(self, message: object, *, key: str | None = None) -> None:
        self.messages = encode_messages([message], [key])


class Extend:
    """Add messages at the end, in order, all or none.

    `keys` gives an idempotency key, or None, for each message; those whose key is there already are left out.
    Raises as `Append`, naming the place of the message; `InvalidOption` if there are not as many keys as messages.
    """

    __slots__ = ("messages",)

    def __init__(self, messages: Iterable[object], *, keys: Iterable[str | None] | None = None) -> None:
        self.messages = _encode(messages, keys)


class Replace:
    """Put a whole new transcript in the place of the old one.

    Records at the start that have not changed stay as they are, with the time and key they were stored with.
    With `only_if_changed` nothing is written where it holds these very messages already.
    Takes and raises the same as `Extend`, and `InvalidOption` if two messages have the same key.
    """

    __slots__ = ("messages", "only_if_changed")

    def __init__(
        self,
        messages: Iterable[object],
        *,
        keys: Iterable[str | None] | None = None,
        only_if_changed: bool = False,
    ) -> None:
        self.messages = _encode(messages, keys)
        self.only_if_changed = only_if_changed
        given = list(self.messages.given_keys())
        if len(set(given)) < len(given):
            raise InvalidOption("two messages have the same idempotency key")


class ReplaceLast:
    """Put a message in the place of the last one, which keeps its time and key. Nothing happens if there is none.

    With `instead_of`, a record as it was read or replaced before, nothing happens either if the last one is another by
    now: one of another number, or stored at another time.
    """

    __slots__ = ("instead_of", "message")

    def __init__(self, message: object, *, instead_of: Record | None = None) -> None:
        self.message = encode_messages([message])
        self.instead_of = instead_of


class RemoveLast:
    """Take the last record away. Nothing happens if there is none."""

    __slots__ = ()


class Clear:
    """Take all records away; the session and its metadata stay."""

    __slots__ = ()


class Update:
    """Change fields of the metadata, by the names of `Metadata`; None (or an empty value) takes a field away.

    `Update(state="running", turn=Turn("t-1"))`, `Update(labels={"prod"})`. A field given is replaced as a whole.
    Raises `InvalidOption` for an unknown name or a wrong value.
    """

    __slots__ = ("fields",)

    def __init__(self, **fields: Any) -> None:
        Metadata().changed(fields)
        self.fields = fields


class Derive:
    """Change fields of the metadata by what the changes before it in this commit add to the transcript.

    `fields_of` is given the metadata and the messages that this commit adds, those left out that a key made a repeat,
    and returns the fields to change, as for `Update`. It is called anew for each head that the commit is tried on, so
    no other writer's change is lost; it is not called where nothing is added. What it returns is checked as `Update`
    checks it, and what it raises ends the commit before anything is written.

    `commit(id, Extend(messages, keys=keys), Derive(lambda metadata, added: {"name": title_of(added)}))`
    """

    __slots__ = ("fields_of",)

    def __init__(self, fields_of: Callable[[Metadata, list[JsonValue]], Mapping[str, Any]]) -> None:
        self.fields_of = fields_of


class MarkActive:
    """Set `active_at` to the time of this commit. Nothing happens if the changes before it in the commit did nothing.

    `commit(id, ReplaceLast(message), MarkActive())`
    """

    __slots__ = ()


class Touch:
    """Change nothing, and write a new version all the same: it shuts out every write still under way."""

    __slots__ = ()


class SavedWith:
    """Remember which commit of each sibling this commit was saved with; `save_all` makes it.

    Siblings that are not named keep what was said of them before.
    """

    __slots__ = ("siblings",)

    def __init__(self, siblings: Mapping[str, str]) -> None:
        self.siblings = dict(siblings)


class Consume:
    """Say how far the stream has been worked off, and who is at it; the inbox makes it."""

    __slots__ = ("consumption",)

    def __init__(self, consumption: Consumption) -> None:
        self.consumption = consumption


class Transplant:
    """Put records in the place of all that there are, as they stand in another archive; a copy makes it.

    `lines` are all of them, with their numbers, times, commits and keys. The first `same` of them are what stands here
    already, so that they need not be written again.
    """

    __slots__ = ("lines", "same")

    def __init__(self, lines: bytes, same: int) -> None:
        self.lines = lines
        self.same = same


class CopyOf:
    """Say which commit of another archive's stream this commit makes a copy of, and take its times; a copy makes it."""

    __slots__ = ("commit", "created_at", "incarnation", "updated_at")

    def __init__(self, commit: str, incarnation: str, created_at: datetime, updated_at: datetime) -> None:
        self.commit = commit
        self.incarnation = incarnation
        self.created_at = created_at
        self.updated_at = updated_at


Change: TypeAlias = (
    Append
    | Extend
    | Replace
    | ReplaceLast
    | RemoveLast
    | Clear
    | Update
    | Derive
    | MarkActive
    | Touch
    | SavedWith
    | Consume
    | Transplant
    | CopyOf
)
"""Any of the changes of this module."""


def _encode(messages: Iterable[object], keys: Iterable[str | None] | None) -> EncodedMessages:
    if isinstance(messages, str | bytes | dict):
        raise InvalidOption("messages are a list of messages, not one message; use append for one")
    messages = list(messages)
    each_key = None if keys is None else list(keys)
    if each_key is not None and len(each_key) != len(messages):
        raise InvalidOption(f"{len(each_key)} keys were given for {len(messages)} messages")
    return encode_messages(messages, each_key)
