"""The two places that an archive is measured in, and what a call asks of them.

A directory is counted at the object store; S3 is moto in a process of its own, which counts at the level of HTTP.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import s3store
from s3store.objects.counting import CountingStore
from s3store.objects.directory import DirectoryStore
from s3store.objects.s3_blocking import S3BlockingStore

from .common import MotoProcess, counting_moto, s3_options, sdk_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3store.objects.base import ObjectStore

    from .common import Cell, Table

BUCKET = "benchmark"
"""The bucket of moto that all archives are in."""


@dataclass(frozen=True)
class Asked:
    """Requests, and the bytes of their bodies."""

    lists: int
    gets: int
    unchanged: int | None
    """How many of the GETs were answered 304; None where that is not told."""
    puts: int
    deletes: int
    up: int
    down: int

    @property
    def requests(self) -> int:
        """All requests but DELETE, which costs nothing."""
        return self.lists + self.gets + self.puts


def counted(moto: MotoProcess) -> Asked:
    """Return what moto was asked since the last call."""
    taken = moto.taken()
    lists = sum(method == "GET" and "list-type" in target for method, target, *_ in taken)
    gets = sum(method == "GET" for method, *_ in taken) - lists
    return Asked(
        lists,
        gets,
        sum(status == 304 for _, _, status, *_ in taken),
        sum(method in {"PUT", "POST"} for method, *_ in taken),
        sum(method == "DELETE" for method, *_ in taken),
        sum(up for *_, up, _ in taken),
        sum(down for *_, down in taken),
    )


ASKED = ("LIST", "GET", "PUT", "DELETE", "bytes up", "bytes down")
"""The columns that `tabulated` fills."""


@contextmanager
def tabulated(table: Table, moto: MotoProcess, *names: Cell) -> Iterator[None]:
    """Add a row: the names, and what moto is asked for within the context."""
    counted(moto)
    yield
    asked = counted(moto)
    table.add(*names, asked.lists, asked.gets, asked.puts, asked.deletes, asked.up, asked.down)


class Place(Protocol):
    """Where an archive is."""

    name: str

    def store(self) -> ObjectStore:
        """Return a new client, as a fresh process would have one."""
        ...

    def asked(self) -> Asked:
        """Return what was asked since the last call."""
        ...


class Directory:
    """An archive in a directory."""

    name = "directory"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counting: list[CountingStore] = []

    def store(self) -> ObjectStore:
        """See `Place`."""
        self._counting.append(CountingStore(DirectoryStore(self._folder)))
        return self._counting[-1]

    def asked(self) -> Asked:
        """See `Place`."""
        each = [store.reset() for store in self._counting]
        return Asked(
            sum(counts.lists for counts in each),
            sum(counts.gets for counts in each),
            None,
            sum(counts.puts for counts in each),
            sum(counts.deletes for counts in each),
            sum(counts.bytes_up for counts in each),
            sum(counts.bytes_down for counts in each),
        )


class Moto:
    """An archive in moto."""

    name = "moto"

    def __init__(self, moto: MotoProcess, prefix: str) -> None:
        self._moto = moto
        self._prefix = prefix

    @property
    def url(self) -> str:
        """The location, as `SessionStore` takes it."""
        return f"s3://{BUCKET}/{self._prefix}"

    def store(self) -> ObjectStore:
        """See `Place`."""
        return S3BlockingStore(BUCKET, self._prefix, s3_options(self._moto.url))

    def asked(self) -> Asked:
        """See `Place`."""
        return counted(self._moto)


@contextmanager
def moto_with_bucket() -> Iterator[MotoProcess]:
    """Run moto with a bucket for `Moto`."""
    import boto3

    with counting_moto() as moto:
        sdk_environment(moto.url)
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield moto


def opened(place: Place) -> s3store.SessionStore:
    """Open the archive anew. Nobody compacts in passing, so that the same is asked each time."""
    return s3store.SessionStore(place.store(), index=s3store.IndexPolicy(compact_after=None))
