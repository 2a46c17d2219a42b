"""What clients are given to call with, and where they write down what they were told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ....errors import Conflict, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ....archive import Archive
    from ....errors import S3StoreError
    from ....index.compact import Compactor
    from ..calls import Call
    from ..runtime import SimulatedRuntime
    from .truth import Owner


class Life(Protocol):
    """One life of a process: what dies with it."""

    runtime: SimulatedRuntime
    archive: Archive
    compactor: Compactor
    owner: Owner


class Recorder(Protocol):
    """Where a client writes down what happens."""

    def call(self, who: str, what: str) -> Call:
        """Write down that a call is made."""
        ...

    def end(self, call: Call, told: str, wrong: Sequence[str] = (), *, unknown: bool = False) -> None:
        """Write down what it was told, and what is wrong with that."""
        ...


def end_without_answer(recorder: Recorder, call: Call, error: S3StoreError, *, may_be_slower: bool = False) -> None:
    """Write down an error of a call that changes no session: it may fail as long as the store does, in no other way.

    `may_be_slower` says that somebody else may have done the same before it.
    """
    expected = isinstance(error, StoreUnavailable) or (may_be_slower and isinstance(error, Conflict))
    recorder.end(call, type(error).__name__, [] if expected else [f"damage where there is none: {error}"])
