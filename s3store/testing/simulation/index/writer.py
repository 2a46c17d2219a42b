"""Who writes, and notes what was acknowledged: from then on it must be listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....changes import Append, Change, Replace, Update
from ....errors import OutcomeUnknown, S3StoreError, StoreUnavailable
from ....session import SessionCore

if TYPE_CHECKING:
    import random

    from ..calls import Call
    from .calls import Life, Recorder
    from .plan import IndexStep
    from .truth import Truth

_EXPECTED = frozenset({
    "Conflict", "OutcomeUnknown", "SessionExists", "SessionNotFound", "StoreUnavailable",
})  # fmt: skip


class Writer:
    """Writes for one client. Where the index is `relaxed`, what it is told only its own process has to see at once."""

    def __init__(self, who: str, truth: Truth, recorder: Recorder, *, relaxed: bool) -> None:
        self._who = who
        self._truth = truth
        self._recorder = recorder
        self._relaxed = relaxed

    async def write(self, life: Life, step: IndexStep, chance: random.Random) -> None:
        """Commit what a step says, and note what was acknowledged."""
        core = SessionCore(life.archive, step.session_id, bound=False)
        changes, text = _changes(step, chance)
        call = self._recorder.call(self._who, f"{step.kind} {step.session_id} {text}".rstrip())
        try:
            committed = await core.commit(changes, must_exist=step.kind == "update", must_be_new=step.kind == "create")
        except S3StoreError as error:
            await self._failed(life, step, call, error, resolves=chance.random() < 0.6)
            return
        place = self._truth.place_of(committed.info)
        if place is None:
            self._recorder.end(call, "done", [f"acknowledges version {committed.info.version}, which never was"])
            return
        self._acknowledge(life, step.session_id, place)
        self._recorder.end(call, f"version {committed.info.version}")

    async def delete(self, life: Life, step: IndexStep, chance: random.Random) -> None:
        """Delete a session, and note what was acknowledged."""
        core = SessionCore(life.archive, step.session_id, bound=False)
        start = len(self._truth.states(step.session_id)) - 1
        call = self._recorder.call(self._who, f"delete {step.session_id}")
        try:
            existed = await core.delete()
        except S3StoreError as error:
            await self._failed(life, step, call, error, resolves=chance.random() < 0.6)
            return
        place = self._truth.place_of_tombstone(step.session_id, start)
        if place is not None:
            self._acknowledge(life, step.session_id, place)
        wrong = ["acknowledges a delete that never was"] if place is None and (existed or start >= 0) else []
        self._recorder.end(call, f"existed: {existed}", wrong)

    async def _failed(self, life: Life, step: IndexStep, call: Call, error: S3StoreError, *, resolves: bool) -> None:
        wrong = [] if type(error).__name__ in _EXPECTED else [f"an error that nothing here can cause: {error!r}"]
        if not isinstance(error, OutcomeUnknown):
            self._recorder.end(call, type(error).__name__, wrong)
            return
        self._recorder.end(call, "unknown", unknown=True)
        commit_id = error.commit_id
        if resolves and commit_id is not None:
            await self._resolve(life, step.session_id, commit_id)

    async def _resolve(self, life: Life, session_id: str, commit_id: str) -> None:
        call = self._recorder.call(self._who, f"resolve {session_id}")
        try:
            landed = await SessionCore(life.archive, session_id, bound=False).resolve(commit_id)
        except S3StoreError as error:
            wrong = [] if type(error).__name__ in _EXPECTED else [f"an error that nothing here can cause: {error!r}"]
            self._recorder.end(call, type(error).__name__, wrong)
            return
        place = self._truth.place_of_commit(session_id, commit_id)
        wrong = [] if landed == (place is not None) else [f"is told {landed} of a commit, which is wrong"]
        if place is not None:
            self._acknowledge(life, session_id, place)
        self._recorder.end(call, str(landed), wrong)

    def _acknowledge(self, life: Life, session_id: str, place: int) -> None:
        self._truth.acknowledge(session_id, place, life.owner if self._relaxed else None)

    async def close(self, life: Life) -> None:
        """Publish what waits, as a process does before it ends; then everybody must see what it was told."""
        own = self._truth.own(life.owner)
        call = self._recorder.call(self._who, "close")
        try:
            await life.archive.close()
        except StoreUnavailable:
            self._recorder.end(call, "StoreUnavailable")
            return
        for session_id, place in own.items():
            self._truth.acknowledge(session_id, place, None)
        self._recorder.end(call, "done")


def _changes(step: IndexStep, chance: random.Random) -> tuple[list[Change], str]:
    message = f"{step.seed}"
    fields = {
        "state": chance.choice(("running", "idle")),
        "agent": chance.choice(("x", "y", None)),
        "name": chance.choice((f"name {step.seed}", chance.randbytes(500).hex(), None, None)),
        "labels": chance.choice(({"prod"}, {"test", "prod"}, set())),
    }
    text = f"{fields['state']} {fields['agent']}"
    match step.kind:
        case "append":
            return [Append(message)], ""
        case "save":
            return [Replace([message])], ""
        case "update":
            return [Update(**fields)], text
        case _:
            return [Append(message), Update(**fields)], text
