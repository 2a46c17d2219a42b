"""What was called in a history, and what the callers were told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ...jsontext import JsonValue

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ...model import Record, SessionInfo

Entry: TypeAlias = tuple[JsonValue, str | None]
"""A message and its idempotency key."""

EditKind: TypeAlias = Literal["extend", "replace", "replace last", "remove last", "clear", "rename"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a commit, apart from the product's own types."""

    kind: EditKind
    entries: tuple[Entry, ...] = ()
    """The messages of "extend", "replace" and "replace last"."""
    name: str | None = None
    """The session's new name, of "rename"."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms the call was made."""

    must_exist: bool = False
    must_be_new: bool = False
    expected_version: int | None = None
    incarnation: str | None = None
    """The incarnation that the handle was bound to, if it was."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as a caller was shown it."""

    incarnation: str
    version: int
    count: int
    name: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, info: SessionInfo) -> Seen:
        """Take what is judged from what the core returned."""
        return cls(info.incarnation, info.version, info.count, info.metadata.name, info.created_at, info.updated_at)


@dataclass(frozen=True, slots=True)
class Wrote:
    """A commit that was acknowledged."""

    seen: Seen
    appended: int
    removed: tuple[Entry, ...]
    cleared: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """A delete that was acknowledged, and whether there was a session; None where that was not told."""

    existed: bool | None


@dataclass(frozen=True, slots=True)
class Read:
    """What a read showed: the session where the call returns it, and its records from one end."""

    seen: Seen | None
    entries: tuple[Entry, ...] | None
    """None where only the session was asked for."""
    start: int = 0
    """The first record that was asked for; counted from the end if negative."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that was turned down: by the name of the error, nothing was written."""

    error: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A call of which nobody was told the end: it may take effect at any time, or never."""

    commit_id: str | None = None


Outcome: TypeAlias = Wrote | Deleted | Read | Failed | Unknown


@dataclass(slots=True)
class Operation:
    """One call, from the moment it was made to the moment it returned, on a clock that counts calls and returns."""

    number: int
    who: str
    session_id: str
    what: str
    """The name of the call, for the story."""
    edits: tuple[Edit, ...] | None
    """The changes of a commit; None for a read or a delete."""
    terms: Terms
    called: int
    returned: int | None = None
    outcome: Outcome = field(default_factory=Unknown)
    resolved: bool | None = None
    """What `resolve` said of an unknown outcome."""

    @property
    def unknown(self) -> bool:
        """Tell whether nobody was told what became of it."""
        return isinstance(self.outcome, Unknown)

    @property
    def is_delete(self) -> bool:
        """Tell whether this is a delete."""
        return self.what == "delete"

    @property
    def writes(self) -> bool:
        """Tell whether it may change the session."""
        return self.edits is not None or self.is_delete

    def line(self) -> str:
        """Return the call and its end on one line."""
        edits = "" if self.edits is None else ", ".join(_edit_line(edit) for edit in self.edits)
        terms = [f"{name}={value}" for name, value in _terms_of(self.terms).items() if value]
        resolved = "" if self.resolved is None else f"; resolve: {self.resolved}"
        until = "…" if self.returned is None else self.returned
        return (
            f"[{self.called}-{until}] {self.who} {self.session_id}: {self.what}({'; '.join([edits, *terms])}) "
            f"-> {_outcome_line(self.outcome)}{resolved}"
        )


def entries_of(records: Iterable[Record]) -> tuple[Entry, ...]:
    """Return the messages and keys of records."""
    return tuple((record.message, record.key) for record in records)


def _edit_line(edit: Edit) -> str:
    entries = [f"{message[:12]}{'' if key is None else '#' + key}" for message, key in edit.entries]
    return f"{edit.kind} {' '.join(entries)}{edit.name or ''}".strip()


def _terms_of(terms: Terms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in ("must_exist", "must_be_new", "expected_version", "incarnation")}


def _outcome_line(outcome: Outcome) -> str:
    if isinstance(outcome, Wrote):
        return f"version {outcome.seen.version} with {outcome.seen.count}"
    if isinstance(outcome, Read):
        version = "" if outcome.seen is None else f"version {outcome.seen.version} "
        entries = "" if outcome.entries is None else " ".join(str(message)[:12] for message, _ in outcome.entries)
        return f"{version}[{entries}]"
    if isinstance(outcome, Failed):
        return outcome.error
    if isinstance(outcome, Deleted):
        return f"existed: {outcome.existed}"
    return "unknown"
