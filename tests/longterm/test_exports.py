"""Exports of many sessions to a folder: what they hold, going on where they stopped, and the check of the manifest."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from s3store import InvalidOption, SessionStore
from s3store.keys import session_part, transcript_head
from s3store.longterm.exports.verify import verify_export
from s3store.longterm.parquet import records_of
from s3store.objects.memory import MemoryStore
from s3store.runtime import run
from s3store.streams.frames import unpack

from .gates import AllAtOnce, finishes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3store.longterm.exports.export import Exported

    from ..archives import Place

pytest_plugins = ["tests.archive_fixtures"]

ODD = [{"n": 2**70}, "\ud800", 1e16, {"role": "user", "content": "ü"}]
FORMS = ("parquet", "jsonl.zst", "chat", "csv")


class _KilledError(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(objects: MemoryStore) -> Iterator[SessionStore]:
    with SessionStore(objects) as opened:
        for number in range(40):
            opened.create(f"s/{number}", [*ODD, number], agent=f"a{number % 2}", labels={"x"} if number < 3 else set())
        yield opened


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of an export in the form `jsonl.zst`."""
    found = []
    for path in sorted(folder.glob("data/*.jsonl.zst")):
        with path.open("rb") as file:
            found += [json.loads(line) for line in zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()]
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def problems(folder: Path) -> list[tuple[str, str]]:
    return [(problem.kind, problem.path) for problem in verify_export(folder).problems]


def test_every_store_and_face_exports_the_same_rows(place: Place, small_parts: None, folder: Path) -> None:
    store = place.open()
    for message in ODD:
        store.append("a/b", message, key=None if message == ODD[0] else f"k{ODD.index(message)}")
    done = store.export(folder, form="jsonl.zst")
    rows = lines_of(folder)
    assert [row["message"] for row in rows] == ODD
    assert [(row["session"], row["seq"], row.get("key")) for row in rows] == [
        ("a/b", number, f"k{number}" if number else None) for number in range(4)
    ]
    assert (done.partitions, done.sessions, done.records) == (256, 1, 4)
    assert verify_export(folder).problems == []


def test_parquet_holds_the_records_to_the_byte(store: SessionStore, objects: MemoryStore, folder: Path) -> None:
    store.export(folder)
    rows = [row for path in folder.glob("data/*.parquet") for row in records_of(path)]
    assert len(rows) == 200
    key = transcript_head("s/7")
    stored = unpack(key, run(objects.get(key)).body).lines
    assert [line for session, stream, line in rows if (session, stream) == ("s/7", "transcript")] == stored.splitlines()


def test_csv_has_a_line_for_each_session(store: SessionStore, folder: Path) -> None:
    store.update("s/1", name='a "name",\nof two lines')
    store.export(folder, form="csv")
    texts = [path.read_bytes().decode() for path in folder.glob("data/*.csv")]
    rows = [row for text in texts for row in csv.DictReader(io.StringIO(text, newline=""))]
    [row] = [row for row in rows if row["id"] == "s/1"]
    assert len(rows) == 40
    assert (row["name"], row["agent"], row["count"], row["labels"]) == ('a "name",\nof two lines', "a1", "5", '["x"]')


def test_chat_is_what_trainers_take(folder: Path) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "grep", "input": {"q": "x"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "found"}
    thinking = {"type": "thinking", "thinking": "hm"}
    with SessionStore(MemoryStore()) as store:
        store.extend(
            "s",
            [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
                {"role": "assistant", "content": [thinking, {"type": "text", "text": "I look"}, use]},
                {"role": "user", "content": [result]},
                {"role": "assistant", "content": "There."},
                {"role": "tool", "content": "of no call"},
            ],
        )
        store.export(folder, form="chat")
    [path] = folder.glob("data/*")
    assert json.loads(path.read_bytes()) == {
        "session": "s",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one\n\ntwo"},
            {
                "role": "assistant",
                "content": "I look",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "grep", "arguments": '{"q":"x"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "found"},
            {"role": "assistant", "content": "There."},
        ],
        "left_out": 2,
    }


def test_filters_leave_sessions_out(store: SessionStore, folder: Path) -> None:
    assert store.export(folder, form="csv", agent="a1", labels=["x"]).sessions == 1
    assert verify_export(folder).sessions == 1


@pytest.mark.parametrize("form", FORMS)
def test_parts_put_together_are_the_whole(store: SessionStore, tmp_path: Path, form: str) -> None:
    store.export(tmp_path / "one", form=form)
    store.export(tmp_path / "two", form=form, partitions="80-ff")
    assert {kind for kind, _ in problems(tmp_path / "two")} == {"short"}
    store.export(tmp_path / "two", form=form, partitions="00-7f")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert problems(tmp_path / "two") == []


def test_an_export_that_was_stopped_goes_on(store: SessionStore, folder: Path) -> None:
    def die(so_far: Exported) -> None:
        if so_far.partitions == 100:
            raise _KilledError

    with pytest.raises(_KilledError):
        store.export(folder, form="jsonl.zst", progress=die)
    before = contents(folder)
    store.append("s/0", "later")
    done = store.export(folder, form="jsonl.zst")
    assert (done.kept, done.partitions, done.sessions) == (100, 256, 40)
    assert before.items() <= contents(folder).items()
    assert len({(row["session"], row["seq"]) for row in lines_of(folder)}) == len(lines_of(folder)) == done.records
    assert verify_export(folder).records == done.records


def test_what_a_killed_run_left_half_written_goes(store: SessionStore, folder: Path) -> None:
    store.export(folder, form="csv", partitions="00-7f")
    half = folder / "data" / ".c0.abc.part"
    half.write_bytes(b"half")
    assert ("extra", "data/.c0.abc.part") in problems(folder)
    store.export(folder, form="csv")
    assert not half.exists()
    assert problems(folder) == []


def test_the_manifest_names_one_exact_version(store: SessionStore, folder: Path) -> None:
    info = store.append("s/3", "more")
    store.export(folder, form="csv")
    lines = [json.loads(line) for path in folder.glob("manifest/*") for line in path.read_bytes().splitlines()]
    [mine] = [line for line in lines if line.get("id") == "s/3"]
    assert (mine["version"], mine["incarnation"], mine["records"]) == (info.version, info.incarnation, 6)


@pytest.mark.parametrize("form", FORMS)
def test_any_damage_is_found(store: SessionStore, folder: Path, form: str) -> None:
    store.export(folder, form=form)
    data = min(folder.glob("data/*"))
    manifest = folder / "manifest" / f"{data.name.partition('.')[0]}.jsonl"
    whole, named = data.read_bytes(), manifest.read_bytes()
    # A manifest that agrees with itself and with the file as a whole, and names no session of it.
    first = json.loads(named.splitlines()[0]) | {"sessions": 0, "records": 0}
    silent = json.dumps(first, separators=(",", ":")).encode() + b"\n"
    for path, damaged, blamed, kind in (
        (data, whole[:-1], data, "changed"),
        (data, whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], data, "changed"),
        (data, None, data, "missing"),
        (manifest, named[:-2], manifest, "changed"),
        (manifest, None, manifest, "short"),
        (manifest, silent, data, "changed"),
        (folder / "notes.txt", b"mine", folder / "notes.txt", "extra"),
    ):
        before = path.read_bytes() if path.exists() else None
        put(path, damaged)
        assert problems(folder) == [(kind, str(blamed.relative_to(folder)))]
        put(path, before)
    assert problems(folder) == []


def put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def test_a_folder_that_holds_something_else_is_left_alone(store: SessionStore, folder: Path) -> None:
    folder.mkdir()
    (folder / "mine").write_text("x")
    with pytest.raises(InvalidOption, match="not empty"):
        store.export(folder)
    assert contents(folder) == {"mine": b"x"}
    with pytest.raises(InvalidOption, match=r"export\.json is missing"):
        verify_export(folder)


def test_an_export_goes_on_only_as_it_was_begun(store: SessionStore, folder: Path) -> None:
    store.export(folder, form="csv")
    with pytest.raises(InvalidOption, match="another form"):
        store.export(folder, form="chat")
    with pytest.raises(InvalidOption, match="another filters"):
        store.export(folder, form="csv", agent="a1")
    with SessionStore(MemoryStore()) as other, pytest.raises(InvalidOption, match="another archive"):
        other.export(folder, form="csv")


@pytest.mark.parametrize("wrong", [{"form": "xml"}, {"partitions": "7f-00"}, {"partitions": "x"}, {"shoe": "x"}])
def test_wrong_arguments_are_refused_before_anything_is_written(
    store: SessionStore, folder: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidOption):
        store.export(folder, **wrong)
    assert not folder.exists()


def test_files_are_private(store: SessionStore, folder: Path) -> None:
    store.export(folder, form="csv")
    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*")) if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_sixteen_sessions_at_once_leave_threads_to_read_their_segments(small_parts: None, folder: Path) -> None:
    ids = (f"s{number}" for number in range(10_000))
    together = [each for each in ids if session_part(each).startswith("00")][:16]
    objects = AllAtOnce()
    store = SessionStore(objects)
    for session_id in together:
        for message in range(3):
            store.append(session_id, message)
    objects.close_gate(len(together))
    # Closed only if it ended: what waits for itself keeps a close waiting as well.
    assert finishes(lambda: store.export(folder, form="jsonl.zst"))
    store.close()
    assert verify_export(folder).sessions == 16


def test_two_processes_may_begin_an_export_at_once(store: SessionStore, folder: Path) -> None:
    # What one that has just begun has made by then.
    (folder / "data").mkdir(parents=True)
    (folder / "manifest").mkdir()
    (folder / ".export.0.part").touch()
    assert store.export(folder, form="csv").sessions == 40
