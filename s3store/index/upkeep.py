"""Compaction in passing: whoever notices that the log has grown long merges it, and nobody waits for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Conflict, OutcomeUnknown, S3StoreError, StoreUnavailable
from .policy import MERGED_IN_PASSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runtime import Runtime
    from .compact import Compactor
    from .policy import IndexPolicy


class Upkeep:
    """Watches the length of the log for one process."""

    def __init__(self, runtime: Runtime, compactor: Callable[[], Compactor], policy: IndexPolicy) -> None:
        self._runtime = runtime
        self._compactor = compactor
        # Not all who watch the same log should begin at the same moment.
        self._threshold = None if policy.compact_after is None else int(policy.compact_after * (1 + runtime.random()))
        self._added = 0
        self._under_way = False

    def added(self) -> None:
        """Note that this process has added an entry to the log."""
        self._added += 1
        if self._threshold is not None and self._added >= self._threshold:
            self._begin()

    def saw(self, entries: int) -> None:
        """Note how many entries a listing found in the log."""
        if self._threshold is not None and entries >= self._threshold:
            self._begin()

    def _begin(self) -> None:
        self._added = 0
        if not self._under_way:
            self._under_way = True
            self._runtime.background(self._compact)

    async def _compact(self) -> None:
        try:
            await self._compactor().compact(least=(self._threshold or 0) // 2, most=MERGED_IN_PASSING)
        except (Conflict, OutcomeUnknown, StoreUnavailable):
            pass  # Somebody else did it, or somebody will.
        except S3StoreError as error:
            import logging

            logging.getLogger("s3store.index").warning("the index could not be compacted: %s", error)
        finally:
            self._under_way = False
