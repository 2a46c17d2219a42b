"""The end of a history: when nobody writes any more, the index must say just what the heads say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .judge import Asked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....model import SessionSummary
    from .bucket import IndexBucket
    from .calls import Life, Recorder
    from .client import IndexClient
    from .truth import State

_MENDABLE = frozenset({"missing", "behind"})


async def compare_all(life: Life, auditor: IndexClient, bucket: IndexBucket, recorder: Recorder) -> None:
    """Mend what crashed writers left untold, and compare every kind of listing with the truth, twice.

    Between, everything is compacted and swept: then nothing but what the manifest names may be left.
    """
    await _mend(life, auditor.who, recorder)
    await _compare(life, auditor, bucket, recorder)
    call = recorder.call(auditor.who, "compact all")
    await life.archive.index.compact(everything=True)
    left = bucket.unnamed_pages()
    recorder.end(call, "done", [f"leaves pages that nobody names: {left}"] if left else [])
    call = recorder.call(auditor.who, "list all, compacted")
    wrong = _differs("shows", [each async for each in life.archive.index.listings.sessions({})], _newest(bucket))
    recorder.end(call, "done", wrong)


async def _mend(life: Life, who: str, recorder: Recorder) -> None:
    call = recorder.call(who, "verify and fix")
    found = await life.archive.index.verify(None, fix=True)
    wrong = [f"finds {each}" for each in found.differences if each.fault not in _MENDABLE]
    recorder.end(call, f"{len(found.differences)} differences", [*wrong, *filter(None, [found.damaged_index])])
    call = recorder.call(who, "verify")
    found = await life.archive.index.verify(None, fix=False)
    recorder.end(call, f"right: {found.right}", [f"still finds {each}" for each in found.differences])


async def _compare(life: Life, auditor: IndexClient, bucket: IndexBucket, recorder: Recorder) -> None:
    listings, newest = life.archive.index.listings, _newest(bucket)
    call = recorder.call(auditor.who, "compare all")
    wrong = _differs("shows", [each async for each in listings.sessions({})], newest)
    wrong += _differs("shows, oldest first,", [each async for each in listings.sessions({}, "oldest")], newest[::-1])
    offset = len(newest) // 2
    wrong += _differs(
        f"shows, from {offset} on,", [each async for each in listings.sessions({}, offset=offset)], newest[offset:]
    )
    counted = await listings.count({})
    if counted != len(newest):
        wrong.append(f"counts {counted} of {len(newest)}")
    recorder.end(call, "done", wrong)
    for asked in (Asked(limit=2), Asked("oldest", limit=1)):
        shown = await auditor.reader.pages(life, {}, asked)
        call = recorder.call(auditor.who, "compare the pages")
        expected = newest if asked.order == "newest" else newest[::-1]
        recorder.end(call, "done", _differs("shows", shown or (), expected))


def _newest(bucket: IndexBucket) -> list[State]:
    return bucket.truth.live()[::-1]


def _differs(what: str, shown: Iterable[SessionSummary], expected: list[State]) -> list[str]:
    shown = list(shown)
    same = len(shown) == len(expected) and all(map(_is_shown, expected, shown))
    if same:
        return []
    there = [(state.id, state.version) for state in expected]
    return [f"{what} {[(each.id, each.version) for each in shown]}; there are {there}"]


def _is_shown(state: State, summary: SessionSummary) -> bool:
    return state.is_shown_by(summary)
