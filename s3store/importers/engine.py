"""Brings the sessions of a file into an archive: what is new, what grew, what changed, and nothing twice.

Each session is one commit, so a reader never sees half an import, and an import that was cut off is taken up by
running it again. A whole session is held in memory while it is stored for the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..changes import Extend, Replace, ReplaceLast, Update
from ..errors import SessionNotFound
from ..times import format_time
from .plan import ATTRIBUTE, Clash, Grow, ImportState, Rewrite, Skip, plan

if TYPE_CHECKING:
    from ..blocking import SessionStore
    from ..changes import Change
    from ..model import Metadata, SessionInfo
    from .base import Problem, SourceSession, Survey

Action: TypeAlias = Literal["new", "grew", "rewritten", "unchanged", "clash"]
"""What an import does with one session."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one session of a source."""

    session_id: str
    action: Action
    records: int
    """How many records were written (or, in a rehearsal, would be)."""
    problems: tuple[Problem, ...] = ()
    """What is odd in the source; empty for a session that was not written."""
    reason: str | None = None
    """Why a `clash` is one."""


def import_session(store: SessionStore, session: SourceSession, *, rehearse: bool = False) -> Imported:
    """Bring one session into the archive; with `rehearse`, only tell what would be done.

    A session that stands in the archive under the same id, but did not come from this source or was changed in the
    archive since, is a `clash` and is left alone. Raises `Conflict` or `SessionExists` if somebody else writes the
    session meanwhile: nothing was written, and the import may be run again; else what `SessionStore.commit` raises,
    and `InvalidRecord` if the file changes while it is read.
    """
    info = _info(store, session.id)
    if info is not None and ATTRIBUTE not in info.metadata.attributes:
        return Imported(session.id, "clash", 0, reason="the session in the archive was not imported")
    stored = None if info is None else ImportState.from_json(info.metadata.attributes[ATTRIBUTE])
    planned = plan(session, stored)
    if isinstance(planned, Skip):
        return Imported(session.id, "unchanged", 0)
    if isinstance(planned, Clash):
        return Imported(session.id, "clash", 0, reason=f"it was imported from {planned.other_source}")
    if info is not None and stored is not None and info.count != stored.records:
        return Imported(session.id, "clash", 0, reason="the session was changed in the archive since its import")
    return _carry_out(store, planned, info, rehearse=rehearse)


def _carry_out(store: SessionStore, planned: Grow | Rewrite, info: SessionInfo | None, *, rehearse: bool) -> Imported:
    survey = planned.session.survey()
    first = planned.first if isinstance(planned, Grow) else 0
    done = Imported(planned.session.id, _action(planned), planned.state.records - first, survey.problems)
    if rehearse:
        return done
    if info is None:
        store.create(planned.session.id, planned.messages(), **_metadata(survey, planned.state))
    else:
        metadata = _metadata(survey, planned.state, known=info.metadata)
        changes = [*_changes(planned), Update(**metadata)]
        store.commit(planned.session.id, *changes, must_exist=True, expected_version=info.version)
    return done


def _action(planned: Grow | Rewrite) -> Action:
    if isinstance(planned, Grow):
        return "grew"
    return "new" if planned.is_new else "rewritten"


def _changes(planned: Grow | Rewrite) -> list[Change]:
    if isinstance(planned, Rewrite):
        return [Replace(planned.messages())]
    messages = planned.messages()
    if planned.replaces_last:
        return [ReplaceLast(next(messages)), Extend(messages)]
    return [Extend(messages)]


def _metadata(survey: Survey, state: ImportState, known: Metadata | None = None) -> dict[str, Any]:
    """Return the fields to set: what the source says, but no name that somebody has given in the archive."""
    described = survey.description
    times = {"source_created_at": described.created_at, "source_updated_at": described.updated_at}
    attributes = {
        **(known.attributes if known else {}),
        **described.metadata.attributes,
        **{name: format_time(moment) for name, moment in times.items() if moment is not None},
        ATTRIBUTE: state.to_json(),
    }
    found: dict[str, Any] = {"attributes": attributes}
    for name in ("name", "agent", "parent"):
        said = getattr(described.metadata, name)
        if said is not None and (known is None or getattr(known, name) is None):
            found[name] = said
    return found


def _info(store: SessionStore, session_id: str) -> SessionInfo | None:
    try:
        return store.info(session_id)
    except SessionNotFound:
        return None
