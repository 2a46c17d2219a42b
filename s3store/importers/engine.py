"""Brings a session of another tool's file into an archive: all of it, or what is new since the last time.

An import is one commit after another, each of a bounded part of the messages. Each commit also notes how far it
came, among the session's attributes (see `plan`), so an import that was killed goes on where it stopped, and
stores nothing twice. Each names the version that it builds on, so nothing that others write meanwhile is lost.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..changes import Extend, Replace, ReplaceLast, Update
from ..errors import Conflict, InvalidRecord, SessionNotFound
from ..times import format_time
from .base import source_name
from .lines import canonical, parse_line, write_line
from .plan import ATTRIBUTE, Clash, Grow, ImportState, Rewrite, Skip, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..blocking import SessionStore
    from ..changes import Change
    from ..jsontext import JsonValue
    from ..model import SessionInfo
    from .base import Description, Problem, SourceSession

BATCH_BYTES = 4 * 1024 * 1024
"""A commit stores the messages of about as many bytes of the source, and at least one message."""

Outcome: TypeAlias = Literal["new", "grew", "unchanged", "rewritten", "refused"]
"""What an import did with a session; `refused`: nothing, for it could have lost something."""

_VERSION = "version"
_NAME = "name"
_TEXTS = ("name", "agent", "channel", "room", "sender", "parent", "state")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did with one session."""

    id: str
    """The id in the archive, with the prefix."""
    source: Path
    format: str
    outcome: Outcome
    added: int = 0
    """How many messages it stored; a replaced half line counts as one."""
    records: int = 0
    """How many messages the archive has of the source now. 0 where it was refused."""
    reason: str | None = None
    """Why it was refused, and what can be done."""
    problems: tuple[Problem, ...] = ()
    """What was odd in the part that was stored."""
    tail_is_partial: bool = False
    """The last line looks as if its writer was not done; the next import completes it."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The session that the archive has under the id, and what an import noted there."""

    info: SessionInfo
    state: ImportState | None
    notes: dict[str, JsonValue]


def import_session(
    store: SessionStore,
    source: SourceSession,
    *,
    prefix: str = "",
    replace: bool = False,
    dry_run: bool = False,
    on_commit: Callable[[], None] | None = None,
) -> Imported:
    """Bring one session into an archive, or what is new of it, and tell what was done.

    `prefix` goes before the id, and before that of the session's parent. A session that was changed in the archive
    since, one that no import made, and one whose source was rewritten are refused; with `replace` they become what
    the source is now. A session whose id belongs to another source is always refused. With `dry_run` nothing is
    written. `on_commit` is called after each commit; what it raises ends the import there, and a later one goes on.

    Raises what `SessionStore.commit` does, `InvalidRecord` if the source changed while it was read, and `TooLarge`.
    """
    run = _Import(store, source, prefix, replace, dry_run, on_commit)
    try:
        return run()
    except Conflict:
        # Somebody wrote between the look and the commit: look once more, for another import may have done the work.
        return run()


@dataclass(frozen=True, slots=True)
class _Import:
    store: SessionStore
    source: SourceSession
    prefix: str
    replace: bool
    dry_run: bool
    on_commit: Callable[[], None] | None

    @property
    def id(self) -> str:
        return self.prefix + self.source.id

    def __call__(self) -> Imported:
        found = self._find()
        if found is not None and found.state is None and not self.replace:
            return self._refused("the archive has a session of this id that no import made; --prefix gives another id")
        todo = plan(self.source, None if found is None else found.state)
        match todo:
            case Skip():
                return self._done("unchanged", records=todo.state.records)
            case Clash():
                return self._refused(
                    f"the id belongs to what was imported from {todo.other_source}; --prefix gives another id"
                )
            case Grow() if found is not None and not self._is_untouched(todo, found):
                if not self.replace:
                    return self._refused("the session was changed in the archive since; --replace drops those changes")
                todo = Rewrite(self.source, is_new=False, state=todo.state)
            case Rewrite(is_new=False) if not self.replace:
                return self._refused("the file is not what was imported; --replace puts it in the session's place")
        return self._write(todo, found)

    def _find(self) -> _Found | None:
        try:
            info = self.store.info(self.id)
        except SessionNotFound:
            return None
        notes = info.metadata.attributes.get(ATTRIBUTE, {})
        try:
            return _Found(info, ImportState.from_json(notes), notes)
        except InvalidRecord:
            return _Found(info, None, {})

    def _is_untouched(self, todo: Grow, found: _Found) -> bool:
        """Tell whether the transcript is what the last import left, whatever became of its metadata."""
        stored = found.state
        if stored is None or found.info.count != stored.records:
            return False
        if found.notes.get(_VERSION) == found.info.version:
            return True
        ours = self.source.messages()
        for record in self.store.records(self.id):
            if todo.replaces_last and record.seq == todo.first:
                return stored.tail is not None and stored.tail.sha256 in _digests(record.message)
            if record.message != next(ours):
                return False
        return True

    def _write(self, todo: Grow | Rewrite, found: _Found | None) -> Imported:
        survey = self.source.survey()
        first = todo.first if isinstance(todo, Grow) else 0
        if not self.dry_run:
            self._commit(todo, found, survey.description, first)
        return self._done(
            "grew" if isinstance(todo, Grow) else "new" if found is None else "rewritten",
            added=todo.state.records - first,
            records=todo.state.records,
            problems=tuple(it for it in survey.problems if it.line is None or it.line > first),
            tail_is_partial=survey.tail_is_partial,
        )

    def _commit(self, todo: Grow | Rewrite, found: _Found | None, description: Description, first: int) -> None:
        version = 0 if found is None else found.info.version
        fields = self._fields(description, found)
        attributes = _attributes(description, found)
        opening = _opening(todo, found)
        for messages, state in _batches(self.source, todo.state, first):
            notes = {**state.to_json(), _VERSION: version + 1}
            if description.metadata.name is not None:
                notes[_NAME] = description.metadata.name
            update = Update(**fields, attributes={**attributes, ATTRIBUTE: notes})
            committed = self.store.commit(self.id, *opening(messages), update, expected_version=version)
            version = committed.info.version
            opening = _extending
            if self.on_commit is not None:
                self.on_commit()

    def _fields(self, description: Description, found: _Found | None) -> dict[str, JsonValue]:
        """Return the fields to set: what the source says, unless somebody has set them otherwise in the archive."""
        said = description.metadata
        fields: dict[str, JsonValue] = {name: text for name in _TEXTS if (text := getattr(said, name)) is not None}
        if said.parent is not None:
            fields["parent"] = self.prefix + said.parent
        if said.labels:
            fields["labels"] = said.labels
        if found is None:
            return fields
        now = found.info.metadata
        named_by_import = now.name == found.notes.get(_NAME)
        kept = {name for name in _TEXTS if getattr(now, name) is not None and not (name == _NAME and named_by_import)}
        if said.labels:
            fields["labels"] = said.labels | now.labels
        return {name: value for name, value in fields.items() if name not in kept}

    def _refused(self, reason: str) -> Imported:
        return self._done("refused", reason=reason)

    def _done(
        self,
        outcome: Outcome,
        *,
        added: int = 0,
        records: int = 0,
        reason: str | None = None,
        problems: tuple[Problem, ...] = (),
        tail_is_partial: bool = False,
    ) -> Imported:
        source = self.source
        return Imported(
            self.id, source.source, source.format, outcome, added, records, reason, problems, tail_is_partial
        )


def _attributes(description: Description, found: _Found | None) -> dict[str, JsonValue]:
    attributes = {} if found is None else dict(found.info.metadata.attributes)
    attributes.update(description.metadata.attributes)
    times = {"first_message_at": description.created_at, "last_message_at": description.updated_at}
    attributes.update({name: format_time(moment) for name, moment in times.items() if moment is not None})
    return attributes


def _opening(todo: Grow | Rewrite, found: _Found | None) -> Callable[[list[JsonValue]], list[Change]]:
    """Return what makes the changes of the first commit of its messages."""
    if isinstance(todo, Rewrite) and found is not None:
        return lambda messages: [Replace(messages)]
    if isinstance(todo, Grow) and todo.replaces_last:
        return lambda messages: [ReplaceLast(messages[0]), Extend(messages[1:])]
    return _extending


def _extending(messages: list[JsonValue]) -> list[Change]:
    return [Extend(messages)]


def _batches(source: SourceSession, whole: ImportState, first: int) -> Iterator[tuple[list[JsonValue], ImportState]]:
    """Yield the messages from the number `first` on in bounded parts, each with the state that it leads to.

    Raises `InvalidRecord`, before the last part, if they do not lead to `whole`.
    """
    messages: list[JsonValue] = []
    digest = hashlib.sha256()
    size = records = waiting = 0
    for line in source.lines:
        if waiting >= BATCH_BYTES:
            yield messages, _state(source, size, digest.hexdigest(), records)
            messages, waiting = [], 0
        if records >= first:
            messages.append(parse_line(line.removesuffix(b"\n"))[0])
            waiting += len(line)
        records += 1
        if line.endswith(b"\n"):
            size += len(line)
            digest.update(line)
    if source.rest is not None:
        messages.append(source.rest)
        records += 1
    if (size, digest.hexdigest(), records) != (whole.bytes, whole.sha256, whole.records):
        raise InvalidRecord(f"{source_name(source.source)} changed while it was read; import it again")
    yield messages, whole


def _state(source: SourceSession, size: int, sha256: str, records: int) -> ImportState:
    return ImportState(source.format, source_name(source.source), size, sha256, records)


def _digests(message: JsonValue) -> set[str]:
    """Return the SHA-256 of what a stored message may have been spelled as in its source."""
    return {hashlib.sha256(spelled).hexdigest() for spelled in (write_line(message), canonical(message))}
