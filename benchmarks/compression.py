"""How small sessions get: the bytes of s3store's objects against the messages as compact JSON lines.

Each session is stored alone, as it is when it is created in one commit; no dictionary is shared between sessions. The
objects hold more than the messages: a header, and an envelope of about 100 bytes of JSON around each message. The
column `zstd alone` is the same lines without either; `gzip -6` the same by gzip.
"""

from __future__ import annotations

import gzip
from dataclasses import astuple, dataclass

import orjson
import zstandard

from s3store import SessionStore

from .common import Table, add_corpus, arguments, report
from .content import CorpusSession, corpus_sessions


@dataclass
class Sizes:
    """The bytes of some sessions in each form."""

    json: int = 0
    objects: int = 0
    zstd_alone: int = 0
    gzip: int = 0

    def __add__(self, other: Sizes) -> Sizes:
        return Sizes(*(own + more for own, more in zip(astuple(self), astuple(other), strict=True)))


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    add_corpus(parser)
    options = parser.parse_args()
    by_format: dict[str, list[CorpusSession]] = {}
    for session in corpus_sessions(options.corpus):
        by_format.setdefault(session.format, []).append(session)
    columns = ("format", "sessions", "mean JSON bytes", "mean object bytes", "ratio", "zstd alone", "gzip -6")
    table = Table("Compression, each session alone", columns)
    total, count = Sizes(), 0
    with SessionStore("memory://") as store:
        for name, sessions in sorted(by_format.items()):
            each = (_sizes(store, f"{name}/{number}", session) for number, session in enumerate(sessions))
            sizes = sum(each, Sizes())
            _add(table, name, len(sessions), sizes)
            total, count = total + sizes, count + len(sessions)
    _add(table, "all", count, total)
    report("compression", [table], as_json=options.json)


def _sizes(store: SessionStore, session_id: str, session: CorpusSession) -> Sizes:
    lines = b"".join(orjson.dumps(message) + b"\n" for message in session.messages)
    info = store.create(session_id, session.messages)
    return Sizes(len(lines), info.size, len(zstandard.compress(lines, 3)), len(gzip.compress(lines, 6)))


def _add(table: Table, name: str, count: int, sizes: Sizes) -> None:
    ratios = (sizes.json / sizes.objects, sizes.json / sizes.zstd_alone, sizes.json / sizes.gzip)
    table.add(name, count, sizes.json // count, sizes.objects // count, *ratios)


if __name__ == "__main__":
    main()
