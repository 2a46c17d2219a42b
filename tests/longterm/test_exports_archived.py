"""Exports of archives in which packs must be restored first: all else is there, and what is not is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from s3store import SessionStore
from s3store.longterm.exports.verify import verify_export
from s3store.longterm.parquet import records_of

from .glacier import Glacier
from .test_exports import contents, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IDS = {f"s/{number}" for number in range(30)}
ARCHIVED = {f"s/{number}" for number in range(4)}


@pytest.fixture
def objects() -> Glacier:
    return Glacier()


@pytest.fixture
def store(objects: Glacier) -> Iterator[SessionStore]:
    """A pack of one session and one of three are archived, and the other sessions are hot."""
    with SessionStore(objects) as opened:
        for session_id in sorted(IDS):
            agent = "archived" if session_id in ARCHIVED else "hot"
            opened.create(session_id, [session_id], agent=agent, labels={session_id} & {"s/0"})
        for labels in (["s/0"], []):
            opened.pack(idle=0, storage_class="DEEP_ARCHIVE", agent="archived", labels=labels)
        assert opened.cleanup(older_than=0).moved == 2
        yield opened


@pytest.mark.parametrize("form", ["jsonl.zst", "parquet", "chat"])
def test_what_is_archived_is_left_out_and_added_later(
    store: SessionStore, objects: Glacier, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "out"

    short = store.export(folder, form=form)

    assert (short.sessions, short.missing, len(short.packs)) == (len(IDS) - 4, 4, 2)
    assert all(name.startswith("deep_archive/") for name in short.packs)
    checked = verify_export(folder)
    assert {problem.kind for problem in checked.problems} == {"short"}
    assert all(any(name in problem.what for name in short.packs) for problem in checked.problems)
    assert checked.sessions == len(IDS) - 4
    again = store.export(folder, form=form)
    assert (again.sessions, again.missing) == (short.sessions, 4)
    assert again.kept == 256 - len(checked.problems)

    store.restore(agent="archived")
    objects.thaw()
    whole = store.export(folder, form=form)

    assert (whole.sessions, whole.missing, whole.packs) == (len(IDS), 0, [])
    assert verify_export(folder).problems == []
    assert verify_export(folder).sessions == len(IDS)
    fresh = tmp_path / "fresh"
    store.export(fresh, form=form)
    assert contents(folder) == contents(fresh)


def test_rows_are_those_of_all_others(store: SessionStore, tmp_path: Path) -> None:
    store.export(tmp_path / "lines", form="jsonl.zst")
    store.export(tmp_path / "rows")
    rows = {session for path in (tmp_path / "rows").glob("data/*.parquet") for session, _, _ in records_of(path)}
    assert {row["session"] for row in lines_of(tmp_path / "lines")} == rows == IDS - ARCHIVED


def test_summaries_need_no_restore(store: SessionStore, objects: Glacier, tmp_path: Path) -> None:
    done = store.export(tmp_path / "out", form="csv")
    assert (done.sessions, done.missing) == (len(IDS), 0)
    assert verify_export(tmp_path / "out").problems == []
