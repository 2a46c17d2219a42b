"""Judging a history: whether there is an order of the calls that explains every answer.

The search is Wing and Gong's, with Lowe's memory of what was tried: at each point one of the calls that were under way
has its effect. A call without an answer may have its effect at any later point, or never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .history import Failed, Read, Unknown, Wrote
from .model import State, after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .history import Operation, Seen

_MOST_STATES = 400_000
_SILENT = frozenset({"Conflict", "StoreUnavailable", "CorruptObject"})


class Undecided(Exception):
    """The search for an order became too large. Histories are kept short so that it does not."""


def judge(session_id: str, operations: Sequence[Operation]) -> list[str]:
    """Return what is wrong with the answers that the callers of one session got."""
    return [*_stored_twice(operations), *_versions(operations), *_order(session_id, operations)]


def _order(session_id: str, operations: Sequence[Operation]) -> list[str]:
    if is_linearizable([operation for operation in operations if not _says_nothing(operation)]):
        return []
    return [f"{session_id}: no order of the calls explains what the callers were told"]


def _says_nothing(operation: Operation) -> bool:
    """Tell whether a call can be left out of the search: it changed nothing and was told nothing."""
    outcome = operation.outcome
    if isinstance(outcome, Failed):
        return outcome.error in _SILENT
    return isinstance(outcome, Unknown) and (not operation.writes or operation.resolved is False)


def is_linearizable(operations: Sequence[Operation]) -> bool:
    """Tell whether some order of the calls, each between its call and its return, explains all answers.

    Raises `Undecided` if that would take too long to find out.
    """
    ordered = sorted(operations, key=lambda operation: operation.called)
    ends = [_end(operation) for operation in ordered]
    required = sum(1 << place for place, end in enumerate(ends) if end is not None)
    seen: set[tuple[int, State]] = set()
    todo = [(0, State())]
    while todo:
        done, state = todo.pop()
        if done & required == required:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if len(seen) > _MOST_STATES:
            raise Undecided
        horizon = min(end for place, end in enumerate(ends) if end is not None and not done >> place & 1)
        for place, operation in enumerate(ordered):
            if operation.called > horizon:
                break
            if done >> place & 1:
                continue
            then = after(state, operation)
            if then is not None:
                todo.append((done | 1 << place, then))
    return False


def _end(operation: Operation) -> int | None:
    """Return by when a call must have had its effect; None if it may never have."""
    if isinstance(operation.outcome, Unknown) and operation.resolved is None:
        return None
    return operation.returned


def _stored_twice(operations: Sequence[Operation]) -> list[str]:
    """Every message of a history is another, and a key is stored once, so no read may show one twice."""
    wrong = []
    for operation in operations:
        outcome = operation.outcome
        if isinstance(outcome, Read) and outcome.entries is not None:
            messages = [message for message, _ in outcome.entries]
            if len(set(messages)) < len(messages):
                wrong.append(f"{operation.line()}: shows a message twice")
    return wrong


def _versions(operations: Sequence[Operation]) -> list[str]:
    """Compare all that was shown of a session, in the order of its versions."""
    wrong: list[str] = []
    shown: dict[int, Seen] = {}
    for operation in operations:
        outcome = operation.outcome
        if isinstance(outcome, Wrote | Read) and outcome.seen is not None:
            seen = outcome.seen
            if shown.setdefault(seen.version, seen) != seen:
                wrong.append(f"{operation.line()}: version {seen.version} was shown otherwise before")
    created: dict[str, object] = {}
    last: Seen | None = None
    for _, seen in sorted(shown.items()):
        if last is not None and seen.updated_at <= last.updated_at:
            wrong.append(f"version {seen.version} is not later than version {last.version}")
        if last is not None and seen.incarnation != last.incarnation and seen.incarnation in created:
            wrong.append(f"version {seen.version} is of an incarnation that was gone")
        if created.setdefault(seen.incarnation, seen.created_at) != seen.created_at:
            wrong.append(f"version {seen.version}: created_at changed within an incarnation")
        last = seen
    return wrong
