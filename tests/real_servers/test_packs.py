"""Packs too large for one request: written in parts, read back whole, and loaded by reads of ranges."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import TYPE_CHECKING

import pytest

from s3store import AsyncSessionStore, SessionStore
from s3store.keys import PACKS
from s3store.longterm.packs.file import PART
from s3store.objects.counting import CountingStore
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run
from tests.archives import in_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from tests.servers import Endpoint

SESSIONS = 7
BYTES_EACH = 3 * 1024 * 1024


@pytest.fixture(
    params=[pytest.param("blocking", marks=pytest.mark.s3), pytest.param("async", marks=pytest.mark.aioboto3)]
)
def connect(request: pytest.FixtureRequest, endpoint: Endpoint, location: str) -> Iterator[Callable[[], SessionStore]]:
    """Make clients of the face, each with all to read anew."""
    if request.param == "blocking":
        yield lambda: SessionStore(location, s3=endpoint.options(), cache=False)
        return
    pytest.importorskip("aioboto3", reason="needs the async extra")
    with asyncio.Runner() as runner:
        options = endpoint.options(asynchronous=True)
        yield lambda: in_step(AsyncSessionStore(location, s3=options, cache=False), runner)


def test_a_pack_of_more_than_one_part(connect: Callable[[], SessionStore], endpoint: Endpoint, location: str) -> None:
    chance = random.Random(7)
    made = {
        f"session/{number}": [base64.b64encode(chance.randbytes(BYTES_EACH)).decode(), number]
        for number in range(SESSIONS)
    }
    store = connect()
    for session_id, messages in made.items():
        store.create(session_id, messages)
    let_a_second_pass(endpoint, location)

    packed = store.pack(idle=0)
    assert (packed.sessions, len(packed.packs), packed.failures) == (SESSIONS, 1, [])
    cleaned = store.cleanup(older_than=0)
    assert (cleaned.thinned, cleaned.failures, cleaned.left) == (SESSIONS, [], {})
    assert {info.id for info in store.list(place="cold")} == set(made)
    store.close()

    again = connect()
    assert {session_id: again.load(session_id).messages for session_id in made} == made
    again.append("session/0", "and on")
    again.unpack("session/1")
    assert again.load("session/0").messages == [*made["session/0"], "and on"]
    assert again.load("session/1").messages == made["session/1"]
    again.close()
    one_is_read_without_the_others(endpoint, location, made["session/2"])


def let_a_second_pass(endpoint: Endpoint, location: str) -> None:
    """Ask a server for its time, which is in seconds, until it is another: only then is what was just written idle."""
    objects = objects_of(endpoint, f"{location}-clock")

    def now() -> datetime:
        run(objects.put("time", b""))
        return run(objects.list_page("time")).objects[0].modified

    began = now()
    while now() == began:
        pass
    run(objects.close())


def objects_of(endpoint: Endpoint, location: str) -> S3BlockingStore:
    return S3BlockingStore(endpoint.bucket, location.split("/", 3)[3], endpoint.options())


def one_is_read_without_the_others(endpoint: Endpoint, location: str, messages: list[object]) -> None:
    objects = CountingStore(objects_of(endpoint, location))
    (pack,) = [found for found in run(objects.list_page(PACKS)).objects if found.size > PART]
    with SessionStore(objects, cache=False) as store:
        objects.reset()
        assert store.load("session/2").messages == messages
    assert objects.counts.gets == 3, "what the archive is, the head, and a range of the pack"
    assert objects.counts.bytes_down < pack.size / 2
    run(objects.close())
