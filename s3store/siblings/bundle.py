"""A session saved and loaded with all that is kept beside it, and whether the pieces belong together.

Each piece is a stream with a head of its own, and no store swaps two objects at once. So the ids of all commits are
made before anything is sent, and the transcript's head names, for each sibling, the commit that it was saved with. The
pieces go side by side. Whoever loads them compares: the commit is the sibling's last one (together); it stands further
back in its history (changed since); it is not there (the save did not come to its end, or did so too long ago to tell).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..changes import Replace, SavedWith, Update
from ..errors import SessionNotFound
from ..keys import ARTIFACTS, RUNS, SIBLINGS, TRACES, VERIFICATION
from ..streams.change import FixedPlan
from .artifacts import ArtifactsCore
from .events import EventsCore, replacing
from .model import ArtifactLimits, Bundle

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping
    from typing import Any

    from ..archive import Archive
    from ..changes import Change
    from ..model import SessionInfo, Transcript
    from ..session import SessionCore
    from ..streams.change import Plan, StreamChange
    from ..streams.head import Head
    from .model import Apart, Artifact, NewArtifact
    from .sibling import SiblingCore

_LOOKS = 3


class Pieces(NamedTuple):
    """What is to be saved; None leaves a piece as it is."""

    transcript: Iterable[object] | None
    artifacts: Iterable[NewArtifact | Artifact] | None
    traces: Iterable[object] | None
    runs: Iterable[object] | None
    verification: Iterable[object] | None


class _Saving(NamedTuple):
    """A sibling's change, and the commit that the sibling is expected to be at after it."""

    sibling: SiblingCore
    change: StreamChange
    commit: str


class _Found(NamedTuple):
    """All pieces as they were read."""

    transcript: tuple[Head, Transcript] | None
    heads: Mapping[str, Head]
    contents: Mapping[str, list[Any] | None]

    @property
    def apart(self) -> dict[str, Apart]:
        """Why siblings do not belong to the transcript."""
        said = {} if self.transcript is None else self.transcript[0].siblings
        found = {name: _why_apart(self.heads.get(name), said[name]) for name in SIBLINGS if name in said}
        return {name: why for name, why in found.items() if why is not None}

    @property
    def state(self) -> list[tuple[str, ...]]:
        """What tells whether anything has changed between two looks."""
        heads = [] if self.transcript is None else [self.transcript[0]]
        return [head.commits for head in [*heads, *self.heads.values()]]


class BundleCore:
    """A session with all that is kept beside it."""

    def __init__(self, archive: Archive, session: SessionCore) -> None:
        self._archive = archive
        self._runtime = archive.runtime
        self._session = session
        self._artifacts = ArtifactsCore(archive, session, ARTIFACTS, ArtifactLimits())
        self._events = {name: EventsCore(archive, session, name) for name in (TRACES, RUNS, VERIFICATION)}

    async def save(self, pieces: Pieces, metadata: dict[str, Any]) -> SessionInfo | None:
        """See `SessionStore.save_all`."""
        plans: dict[str, Plan] = {
            name: FixedPlan([replacing(events)])
            for name, events in zip(self._events, pieces[2:], strict=True)
            if events is not None
        }
        own: list[Change] = [] if pieces.transcript is None else [Replace(pieces.transcript)]
        own += [Update(**metadata)] if metadata else []
        if pieces.artifacts is not None:
            plans[ARTIFACTS] = await self._artifacts.saving(pieces.artifacts)
        # Nothing is sent before all that was given has been checked.
        savings = await self._runtime.branches([self._prepare(name, plan) for name, plan in plans.items()])
        expected = {saving.sibling.keys.stream: saving.commit for saving in savings}
        landed: list[Any] = await self._runtime.branches(
            [
                self._save_session(own, expected, must_exist=pieces.transcript is None),
                *map(self._land, savings),
            ]
        )
        info: SessionInfo | None = landed[0]
        actual = dict(zip(expected, landed[1:], strict=True))
        if info is not None and actual != expected:
            # Somebody else wrote to a sibling meanwhile, or had written since it was last seen.
            info = await self._save_session([], actual, must_exist=True)
        return info

    async def load(self) -> Bundle:
        """See `SessionStore.load_all`."""
        found = await self._look()
        for _ in range(_LOOKS):
            if not found.apart:
                break
            # They may have been read while somebody was saving them.
            before, found = found, await self._look()
            if before.state == found.state:
                break
        transcript = None if found.transcript is None else found.transcript[1]
        return Bundle(transcript, **found.contents, apart=found.apart)

    async def _prepare(self, name: str, plan: Plan) -> _Saving:
        sibling = self._sibling(name)
        change = await sibling.change(plan)
        return _Saving(sibling, change, await self._archive.streams.foresee(change))

    async def _land(self, saving: _Saving) -> str:
        landed = await saving.sibling.land(saving.change)
        if landed.proposal is not None:
            return saving.change.commit_id
        return saving.commit if landed.known.state is None else landed.known.state.commits[-1]

    async def _save_session(
        self, changes: list[Change], siblings: dict[str, str], *, must_exist: bool
    ) -> SessionInfo | None:
        try:
            return (await self._session.commit([*changes, SavedWith(siblings)], must_exist=must_exist)).info
        except SessionNotFound:
            if changes:
                raise
            return None  # Siblings are saved without a session.

    async def _look(self) -> _Found:
        reads: list[Coroutine[Any, Any, Any]] = [
            self._session.read(),
            self._artifacts.read_all(),
            *(events.read_all() for events in self._events.values()),
        ]
        transcript, *siblings = await self._runtime.branches(reads)
        found = dict(zip(SIBLINGS, siblings, strict=True))
        heads = {name: each[0] for name, each in found.items() if each is not None}
        return _Found(transcript, heads, {name: None if each is None else each[1] for name, each in found.items()})

    def _sibling(self, name: str) -> SiblingCore:
        return self._artifacts if name == ARTIFACTS else self._events[name]


def _why_apart(head: Head | None, commit: str) -> Apart | None:
    if head is None or commit not in head.commits:
        return "unfinished"
    return None if commit in head.commits[-1 - head.idle :] else "changed"
