"""Archives for tests of the public faces: one place in each kind of store, opened by as many clients as a test likes.

Tests are written once, against `SessionStore`. `InStep` lets an `AsyncSessionStore` take its place: it runs each
coroutine to its end; that both faces have the same signatures is a test of its own (`test_faces`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from s3store import (
    AsyncArtifacts,
    AsyncEvents,
    AsyncInbox,
    AsyncInboxMessage,
    AsyncRetention,
    AsyncSession,
    AsyncSessionIndex,
    AsyncSessionStore,
    CommitPolicy,
    S3Options,
    SessionStore,
)
from s3store.objects.directory import DirectoryStore
from s3store.objects.memory import MemoryStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack
    from pathlib import Path

    from s3store.objects.base import ObjectStore

    from .servers import MinistackServer, MotoServer

QUICK = CommitPolicy(seconds=20, attempts=40, pause=0.0001, longest_pause=0.001)
"""Gives up soon, and hardly pauses."""


FACES = (AsyncSession, AsyncSessionIndex, AsyncRetention, AsyncEvents, AsyncArtifacts, AsyncInbox, AsyncInboxMessage)
"""What an asyncio face hands out that is one itself."""


class InStep:
    """An asyncio face whose calls block: its coroutines are finished on one event loop."""

    def __init__(self, inner: object, runner: asyncio.Runner) -> None:
        self.inner = inner
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if isinstance(found, AsyncSessionIndex | AsyncRetention):
            return InStep(found, self.runner)
        if not inspect.ismethod(found):
            return found
        return lambda *args, **kwargs: self._finish(found(*args, **kwargs))

    def _finish(self, result: Any) -> Any:
        if inspect.iscoroutine(result):
            return self._finish(self.runner.run(result))
        if isinstance(result, AsyncIterator):
            return self._each(result)
        if isinstance(result, FACES):
            return InStep(result, self.runner)
        return result

    def _each(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        done = object()

        async def step() -> Any:
            return await anext(items, done)

        while (item := self.runner.run(step())) is not done:
            yield self._finish(item)


def in_step(store: AsyncSessionStore, runner: asyncio.Runner) -> SessionStore:
    """Return the store in the shape of a `SessionStore`."""
    return cast("SessionStore", InStep(store, runner))


class Place:
    """Where an archive is kept, seen from the side: what it holds as objects, and clients on it."""

    def __init__(self, objects: ObjectStore, new_client: Callable[..., SessionStore], closing: ExitStack) -> None:
        self.objects = objects
        self._new_client = new_client
        self._closing = closing

    def open(self, **options: Any) -> SessionStore:
        """Return a new client, which knows nothing of the others. It is closed at the end of the test."""
        store = self._new_client(**options)
        self._closing.callback(store.close)
        return store

    def listed(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects that there are."""
        return keys_of(self.objects, prefix)

    def read(self, key: str) -> bytes:
        return run(self.objects.get(key)).body

    def write(self, key: str, body: bytes) -> None:
        run(self.objects.put(key, body))

    def remove(self, key: str) -> None:
        run(self.objects.delete(key))


def keys_of(objects: ObjectStore, prefix: str = "") -> list[str]:
    """Return the keys of all objects in a blocking store."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = run(objects.list_page(prefix, after=after))
        found += [listed.key for listed in page.objects]
        if page.next_after is None:
            return found
        after = page.next_after


def prepare(objects: ObjectStore) -> None:
    """Make an archive in a store without the check of its compare-and-swap, which takes some 400 requests."""
    model = MemoryStore()
    with SessionStore(model) as store:
        store.append("any", "message")
    run(objects.put("archive.json", run(model.get("archive.json")).body))


@cache
def _session() -> object:
    # One for all: it keeps the SDK's descriptions of S3, which take long to read.
    import boto3

    return boto3.Session("test", "test", region_name="us-east-1")


@cache
def _async_session() -> object:
    import aioboto3

    return aioboto3.Session("test", "test", region_name="us-east-1")


def s3_options(endpoint: str, **more: Any) -> S3Options:
    """Return options for boto3 and a server on loopback."""
    return S3Options(session=_session(), endpoint_url=endpoint, addressing_style="path", **more)


def async_s3_options(endpoint: str, **more: Any) -> S3Options:
    """Return options for aioboto3 and a server on loopback."""
    return S3Options(session=_async_session(), endpoint_url=endpoint, addressing_style="path", **more)


def local_place(objects: ObjectStore, location: str | ObjectStore, closing: ExitStack, *, asynchronous: bool) -> Place:
    """Return an archive in memory or in a directory."""
    closing.callback(lambda: run(objects.close()))
    if not asynchronous:
        return Place(objects, partial(SessionStore, location, policy=QUICK), closing)
    runner = closing.enter_context(asyncio.Runner())
    return Place(objects, lambda **more: in_step(AsyncSessionStore(location, policy=QUICK, **more), runner), closing)


def s3_place(moto: MotoServer | MinistackServer, bucket: str, closing: ExitStack, *, asynchronous: bool) -> Place:
    """Return an archive under a prefix of a bucket."""
    url = f"s3://{bucket}/agents"
    options = s3_options(moto.url)
    objects = S3BlockingStore(bucket, "agents", options)
    closing.callback(lambda: run(objects.close()))
    prepare(objects)
    if not asynchronous:
        return Place(objects, partial(SessionStore, url, s3=options, policy=QUICK), closing)
    runner = closing.enter_context(asyncio.Runner())
    async_options = async_s3_options(moto.url)
    return Place(
        objects,
        lambda **more: in_step(AsyncSessionStore(url, s3=async_options, policy=QUICK, **more), runner),
        closing,
    )


def open_place(name: str, request: pytest.FixtureRequest, tmp_path: Path, closing: ExitStack) -> Place:
    """Return an archive of the kind that `archive_fixtures.KINDS` calls so."""
    kind, _, face = name.partition("-")
    if kind == "s3":
        if face:
            pytest.importorskip("aioboto3", reason="needs the async extra")
        bucket_name: Callable[[], str] = request.getfixturevalue("bucket_name")
        server = request.getfixturevalue("moto")
        return s3_place(server, server.make_bucket(bucket_name()), closing, asynchronous=bool(face))
    if kind == "directory":
        root = tmp_path / "archive"
        return local_place(DirectoryStore(root), f"file://{root}", closing, asynchronous=bool(face))
    objects = MemoryStore()
    return local_place(objects, objects, closing, asynchronous=bool(face))
