"""Contracts on archives of each kind, with the face that the archive has."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.archives import InStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from s3store import SessionStore


def on(store: SessionStore, blocking: Callable[..., Any], asynchronous: Callable[..., Any], **options: Any) -> Any:
    """Return a contract on a store, of the face that the store has, in the shape of the blocking one."""
    if isinstance(store, InStep):
        return InStep(asynchronous(store.inner, **options), store.runner)
    return blocking(store, **options)


def side_by_side(contracts: Sequence[Any], call: Callable[[Any, int], Any]) -> list[Any]:
    """Make a call on each contract, with its number, all at the same time: in threads, or as tasks."""
    if not isinstance(contracts[0], InStep):
        with ThreadPoolExecutor(len(contracts)) as pool:
            return list(pool.map(call, contracts, range(len(contracts))))

    async def each() -> list[Any]:
        return await asyncio.gather(*(call(contract.inner, number) for number, contract in enumerate(contracts)))

    return contracts[0].runner.run(each())
