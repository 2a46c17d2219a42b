"""A session as it should be: a few lines of plain Python to hold the product against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .history import Deleted, Entry, Failed, Read, Wrote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .history import Edit, Operation, Seen, Terms


class State(NamedTuple):
    """A session at one point of an order of the calls."""

    live: bool = False
    incarnation: str | None = None
    """None while nobody was told: the call that created it got no answer."""
    entries: tuple[Entry, ...] = ()
    name: str | None = None
    version: int = 0
    """At least this; calls without an answer, and `resolve`, may have made it larger."""


@dataclass(slots=True)
class Effect:
    """What edits do to a session."""

    state: State
    wrote: bool
    appended: int = 0
    removed: tuple[Entry, ...] = ()
    cleared: int = 0


def edited(before: State, edits: Sequence[Edit]) -> Effect:
    """Return what edits make of a session; where there is none, they create it."""
    base = before if before.live else State(live=True, version=before.version)
    effect = Effect(base, wrote=not before.live)
    for edit in edits:
        _edit(effect, edit)
    if effect.wrote:
        effect.state = effect.state._replace(version=before.version + 1)
    return effect


def _edit(effect: Effect, edit: Edit) -> None:
    entries, before = effect.state.entries, effect.state.entries
    match edit.kind:
        case "extend":
            for entry in edit.entries:
                if entry[1] is None or entry[1] not in {key for _, key in entries}:
                    entries += (entry,)
            effect.appended += len(entries) - len(before)
            effect.wrote |= len(entries) > len(before)
        case "replace":
            same = _same(entries, edit.entries)
            entries = entries[:same] + edit.entries[same:]
            effect.appended += len(edit.entries) - same
            effect.cleared += len(before) - same
            effect.wrote = True
        case "replace last" if entries:
            effect.removed += entries[-1:]
            entries = (*entries[:-1], (edit.entries[0][0], entries[-1][1]))
            effect.wrote = True
        case "remove last" if entries:
            effect.removed += entries[-1:]
            entries = entries[:-1]
            effect.wrote = True
        case "clear" if entries:
            effect.cleared += len(entries)
            entries = ()
            effect.wrote = True
        case "rename":
            effect.wrote |= edit.name != effect.state.name
            effect.state = effect.state._replace(name=edit.name)
    effect.state = effect.state._replace(entries=entries)


def _same(old: Sequence[Entry], new: Sequence[Entry]) -> int:
    """Return how many messages at the start are the same."""
    same = 0
    for (was, _), (now, _) in zip(old, new, strict=False):
        if was != now:
            break
        same += 1
    return same


def after(state: State, operation: Operation) -> State | None:
    """Return the session after a call that had its effect here; None if it could not have ended so here."""
    outcome = operation.outcome
    if isinstance(outcome, Failed):
        return state if _may_fail(state, operation.terms, outcome.error) else None
    if not _meets(state, operation.terms):
        return None
    if isinstance(outcome, Wrote):
        return _after_wrote(state, operation, outcome)
    if isinstance(outcome, Read):
        return _after_read(state, outcome)
    if isinstance(outcome, Deleted):
        return _deleted(state) if outcome.existed in {None, state.live} else None
    return _after_unknown(state, operation)


def _after_wrote(state: State, operation: Operation, outcome: Wrote) -> State | None:
    effect = edited(state, operation.edits or ())
    told = (outcome.appended, outcome.removed, outcome.cleared)
    if told != (effect.appended, effect.removed, effect.cleared):
        return None
    expected = operation.terms.expected_version
    if expected is not None and state.live and (outcome.seen.version != expected + effect.wrote):
        return None
    return _shown(effect.state, outcome.seen)


def _after_read(state: State, outcome: Read) -> State | None:
    if not state.live:
        return None
    if outcome.entries is not None and outcome.entries != state.entries[outcome.start :]:
        return None
    return state if outcome.seen is None else _shown(state, outcome.seen)


def _after_unknown(state: State, operation: Operation) -> State | None:
    """Return the session after a call that nobody knows the end of, if it had an effect here."""
    if operation.is_delete:
        return _deleted(state) if state.live or operation.resolved else None
    effect = edited(state, operation.edits or ())
    return effect.state if effect.wrote else None


def _shown(state: State, seen: Seen) -> State | None:
    """Return the state made more exact by what a caller was shown of it; None if it is another."""
    fits = (
        seen.count == len(state.entries)
        and seen.name == state.name
        and seen.version >= state.version
        and state.incarnation in {None, seen.incarnation}
    )
    return state._replace(incarnation=seen.incarnation, version=seen.version) if fits else None


def _deleted(state: State) -> State:
    return State(version=state.version + 1) if state.live else state


def _meets(state: State, terms: Terms) -> bool:
    """Tell whether a call with these terms may succeed on this session."""
    if terms.must_exist and not state.live:
        return False
    if terms.must_be_new and state.live:
        return False
    if terms.expected_version is not None and not _may_be_at(state, terms.expected_version):
        return False
    return terms.incarnation is None or (state.live and state.incarnation in {None, terms.incarnation})


def _may_be_at(state: State, version: int) -> bool:
    return 0 < state.version <= version if state.live else version == 0


def _may_fail(state: State, terms: Terms, error: str) -> bool:
    """Tell whether a call with these terms may be turned down so on this session."""
    match error:
        case "SessionNotFound":
            return not state.live
        case "SessionExists":
            return state.live and terms.must_be_new
        case "SessionDeleted":
            return terms.incarnation is not None and not (state.live and state.incarnation == terms.incarnation)
        case _:
            # Conflict, StoreUnavailable, CorruptObject: nothing was written, and nothing is said of the session.
            return True
