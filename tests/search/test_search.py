"""What a search promises, on every store and with every face that it has."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from s3store import Found, InvalidOption, SessionStore, StoreUnavailable
from s3store.index.entry import read_fields
from s3store.keys import transcript_head
from s3store.objects.counting import CountingStore
from s3store.objects.directory import DirectoryStore
from s3store.runtime import run
from s3store.search.database import Database, Reading
from s3store.search.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]


@pytest.fixture
def store(place: Place) -> SessionStore:
    return place.open()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def local(root: Path) -> Iterator[SessionStore]:
    """An archive in a directory, by the blocking face."""
    with SessionStore(root.as_uri()) as opened:
        yield opened


def ids(found: Found) -> list[str]:
    return [hit.session.id for hit in found]


def file_of_search() -> Path:
    [found] = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.sqlite")
    return found


def reads(store: SessionStore, objects: CountingStore, query: str) -> int:
    """Search, and return how many objects were read for it beside the index."""
    store.search("nothing-like-that")
    before = objects.reset()
    store.search(query)
    assert before is not None
    return objects.reset().gets


# --- What is found ----------------------------------------------------------------------------------------------------


def test_an_empty_archive_has_nothing_to_find(store: SessionStore) -> None:
    assert ids(store.search("anything")) == []


def test_words_are_found_wherever_they_stand(store: SessionStore) -> None:
    store.create("a", [{"role": "user", "content": "Where is my order?"}, {"role": "assistant", "content": "Shipped."}])
    store.create("b", [{"role": "user", "content": "Cancel the order, please"}], name="Cancelling")
    store.create("invoice-7", ["nothing of that"])
    assert sorted(ids(store.search("order"))) == ["a", "b"]
    assert ids(store.search("ORDER shipped")) == ["a"]
    assert ids(store.search("order cancelling")) == ["b"]
    assert ids(store.search("invoice")) == ["invoice-7"]
    assert ids(store.search("order invoice")) == []


def test_phrases_beginnings_and_accents(store: SessionStore) -> None:
    store.create("a", ["le café est fermé"])
    store.create("b", ["fermé le café"])
    assert ids(store.search('"cafe est"')) == ["a"]
    assert sorted(ids(store.search("ferm*"))) == ["a", "b"]
    assert ids(store.search("ferm")) == []


def test_a_hit_says_where_and_marks_what_was_found(store: SessionStore) -> None:
    store.create("a", ["x", "the gift card was lost", "y"])
    [hit] = store.search('"gift card"')
    assert (hit.seq, hit.session.count, hit.text) == (1, 3, "the gift card was lost")
    assert [piece for piece, found in hit.snippet if found] == ["gift card"]
    [hit] = store.search("a")
    assert hit.seq is None


def test_what_fits_better_comes_first_and_a_limit_holds(store: SessionStore) -> None:
    store.create("long", ["word " + "padding " * 200])
    store.create("short", ["word word"])
    store.create("named", ["nothing"], name="word")
    assert ids(store.search("word")) == ["named", "short", "long"]
    assert ids(store.search("word", limit=2)) == ["named", "short"]
    assert ids(store.search("word", limit=0)) == []


def test_filters_are_those_of_listings(store: SessionStore) -> None:
    store.create("a", ["word"], agent="x", labels={"l"})
    store.create("b", ["word"], agent="y")
    assert ids(store.search("word", agent="x")) == ["a"]
    assert ids(store.search("word", labels=["l"])) == ["a"]
    assert ids(store.search("word", id_prefix="b")) == ["b"]
    with pytest.raises(InvalidOption, match="no filter nonsense"):
        store.search("word", nonsense=1)  # type: ignore[call-arg]


def test_wrong_arguments_are_refused(store: SessionStore) -> None:
    with pytest.raises(InvalidOption, match="a word to look for"):
        store.search("...")
    with pytest.raises(InvalidOption, match="limit"):
        store.search("word", limit=-1)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "text", "text": "needle"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "needle", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "needle"}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": "needle"}'}}]},
        {"type": "user", "message": {"role": "user", "content": "needle"}},
        "needle",
        {"of no known": {"form": "needle"}},
        "a zero\0byte, \ud800, \x02marks\x03 and the needle",
    ],
)
def test_all_that_a_message_says_is_searched(store: SessionStore, message: Any) -> None:
    store.append("a", message)
    [hit] = store.search("needle")
    assert [piece for piece, found in hit.snippet if found] == ["needle"]


# --- What is searched is what is there --------------------------------------------------------------------------------


def test_a_search_sees_every_change(store: SessionStore) -> None:
    store.create("a", ["first"])
    assert ids(store.search("first")) == ["a"]
    store.append("a", "second")
    assert ids(store.search("first second")) == ["a"]
    store.replace_last("a", "third")
    assert ids(store.search("second")) == []
    assert ids(store.search("third")) == ["a"]
    store.save("a", ["fourth", "fifth"])
    assert ids(store.search("first")) == ids(store.search("third")) == []
    store.update("a", name="sixth")
    assert ids(store.search("fourth fifth sixth")) == ["a"]
    store.clear("a")
    assert ids(store.search("fourth")) == []
    assert ids(store.search("sixth")) == ["a"]
    store.delete("a")
    assert ids(store.search("sixth")) == []
    store.create("a", ["seventh"])
    assert ids(store.search("seventh")) == ["a"]
    assert ids(store.search("fifth")) == []


def test_what_others_wrote_is_found_before_and_after_it_is_merged(place: Place) -> None:
    ours, theirs = place.open(), place.open()
    theirs.create("a", ["alpha"])
    theirs.create("b", ["beta"])
    assert ids(ours.search("alpha")) == ["a"]
    theirs.append("b", "alpha")
    theirs.delete("a")
    theirs.index.compact()
    assert ids(ours.search("alpha")) == ["b"]
    theirs.append("b", "gamma")
    theirs.index.compact(everything=True)
    assert ids(ours.search("gamma")) == ["b"]


def test_sessions_that_a_new_index_does_not_know_are_forgotten(place: Place) -> None:
    store = place.open()
    store.create("a", ["alpha"])
    store.create("b", ["alpha"])
    store.index.compact()
    assert len(store.search("alpha")) == 2
    place.remove(transcript_head("a"))
    store.index.rebuild()
    assert ids(store.search("alpha")) == ["b"]


def test_a_damaged_session_is_told_and_does_not_hide_the_others(place: Place) -> None:
    store = place.open()
    store.create("a", ["alpha"])
    store.create("b", ["alpha"])
    head = transcript_head("a")
    place.write(head, place.read(head)[:-1] + b"?")
    found = place.open().search("alpha")
    assert (ids(found), found.unreadable) == (["b"], ("a",))


def test_only_what_changed_is_read(root: Path) -> None:
    objects = CountingStore(DirectoryStore(root))
    with SessionStore(objects) as store:
        for number in range(20):
            store.create(str(number), ["word"])
        assert reads(store, objects, "word") == 1  # of the manifest
        store.append("7", "more")
        objects.reset()
        assert ids(store.search("more")) == ["7"]
        assert objects.reset().gets == 2


@pytest.mark.usefixtures("small_parts")
def test_of_a_session_that_grew_the_rest_is_read(root: Path) -> None:
    objects = CountingStore(DirectoryStore(root))
    with SessionStore(objects) as store:
        store.create("a", [f"word {number} " + "x" * 300 for number in range(30)])
        store.search("word")
        store.append("a", "more")
        segments = len(list((root / "sessions").rglob("transcript/*")))
        objects.reset()
        assert ids(store.search("more")) == ["a"]
        assert objects.reset().gets <= 4 < segments
        assert ids(store.search('"word 0"')) == ["a"]


# --- The file ---------------------------------------------------------------------------------------------------------


def test_the_file_is_nobody_elses(local: SessionStore) -> None:
    local.create("a", ["secret"])
    local.search("secret")
    found = file_of_search()
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(beside.stat().st_mode) for beside in found.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("damage", [b"no database at all, but long enough to be taken for one" * 40, b""])
def test_a_file_that_is_damaged_or_gone_is_made_anew(root: Path, local: SessionStore, damage: bytes) -> None:
    local.create("a", ["alpha"])
    local.search("alpha")
    local.close()
    file_of_search().write_bytes(damage)
    with SessionStore(root.as_uri()) as another:
        assert ids(another.search("alpha")) == ["a"]


def test_a_file_of_another_format_is_made_anew(root: Path, local: SessionStore) -> None:
    local.create("a", ["alpha"])
    local.search("alpha")
    local.close()
    db = sqlite3.connect(file_of_search())
    db.execute("PRAGMA user_version = 99")
    db.close()
    with SessionStore(root.as_uri()) as another:
        assert ids(another.search("alpha")) == ["a"]


def test_another_archive_in_the_same_place_has_a_file_of_its_own(root: Path, local: SessionStore) -> None:
    local.create("a", ["alpha"])
    assert ids(local.search("alpha")) == ["a"]
    local.close()
    root.rename(root.with_name("old"))
    with SessionStore(root.as_uri()) as another:
        assert ids(another.search("alpha")) == []
        another.create("b", ["alpha"])
    with SessionStore(root.as_uri()) as another:
        assert ids(another.search("alpha")) == ["b"]


def test_a_place_that_cannot_be_used_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with SessionStore(root.as_uri(), cache=tmp_path / "file") as store:
        store.create("a", ["alpha"])
        with pytest.raises(StoreUnavailable, match=r"cannot be used \(.*is not a directory"):
            store.search("alpha")


def test_what_others_took_in_meanwhile_is_not_undone(root: Path, local: SessionStore) -> None:
    local.create("a", ["alpha"])
    local.search("alpha")
    [was] = local.list()
    fields = {"id": "a", "incarnation": was.incarnation, "created_at": 0, "count": 2, "size": 1}
    newer = read_fields({**fields, "version": 5, "updated_at": 5})
    older = read_fields({**fields, "version": 4, "updated_at": 4})
    file = Database(file_of_search())
    [(_, known)] = file.stale([older])
    assert file.store([Reading(newer, known, 0, 1, "c", [Text(0, 0, "beta")])]) == []
    assert file.stale([older]) == []
    assert file.store([Reading(older, known, 1, 2, "c", [Text(1, 0, "gamma")])]) == []
    newest = read_fields({**fields, "version": 6, "updated_at": 6})
    assert file.store([Reading(newest, known, 1, 2, "c", [Text(1, 0, "gamma")])]) == [newest]
    found = [file.in_order(f'"{word}"', "", 9) for word in ("alpha", "beta", "gamma")]
    assert [len(entries) for entries in found] == [0, 1, 0]
    file.close()


def test_processes_share_the_file(root: Path, local: SessionStore) -> None:
    for number in range(40):
        local.create(str(number), [f"word {number}"])
    code = (
        "import sys; from s3store import SessionStore\n"
        "for number in range(5):\n"
        "    with SessionStore(sys.argv[1]) as store: found = store.search('word', limit=99)\n"
        "print(len(found))"
    )
    searching = [
        subprocess.Popen([sys.executable, "-c", code, root.as_uri()], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate()[0] for process in searching] == ["40\n"] * 4
    assert [process.returncode for process in searching] == [0] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_the_file_survives_a_fork(local: SessionStore) -> None:
    local.create("a", ["alpha"])
    local.search("alpha")
    child = os.fork()
    if not child:
        os._exit(0 if ids(local.search("alpha")) == ["a"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ids(local.search("alpha")) == ["a"]


# --- As zeroclaw searches ---------------------------------------------------------------------------------------------


def by_any_word(store: SessionStore, keyword: str, limit: int = 50) -> list[str]:
    found = run(store._archive.search.by_any_word(keyword, "zeroclaw/", limit))
    return [summary.id.removeprefix("zeroclaw/") for summary in found]


@pytest.fixture
def zeroclaw(closing: ExitStack) -> SessionStore:
    store = closing.enter_context(SessionStore("memory://"))
    chats = {
        "code_chat": ["I like Rust", "and foo-bar baz"],
        "hello_world": ["le Café", "日本語テキスト 日本語"],
        "other": ["Straße", "AND then json", "Ệ"],
        "empty": [],
    }
    for key, contents in chats.items():
        store.create(f"zeroclaw/{key}", [{"role": "user", "content": content} for content in contents], name="named")
    store.create("not-of-it", [{"role": "user", "content": "Rust"}])
    return store


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("Rust", ["code_chat"]),
        ("rust", ["code_chat"]),
        ("rus", []),
        ("chat", ["code_chat"]),
        ("hello", ["hello_world"]),
        ("zeroclaw", []),
        ("named", []),
        ("empty", []),
        ("cafe", ["hello_world"]),
        ("E", []),
        ("strasse", []),
        ("日本語", ["hello_world"]),
        ("日本", []),
        ("foo-bar", ["code_chat"]),
        ("foo-baz", []),
        ("json rust", ["code_chat", "other"]),
        ("AND", ["code_chat", "other"]),
        ("rust*", ["code_chat"]),
        ("^json", ["other"]),
        ("content:rust", []),
        ("!!! rust", ["code_chat"]),
        ("!!!", []),
        ("", []),
        ('"', []),
    ],
)
def test_words_match_as_in_the_reference(zeroclaw: SessionStore, keyword: str, expected: list[str]) -> None:
    assert by_any_word(zeroclaw, keyword) == expected


def test_the_oldest_match_comes_first_and_the_limit_counts_sessions(zeroclaw: SessionStore) -> None:
    zeroclaw.append("zeroclaw/other", {"role": "user", "content": "Rust rust"})
    assert by_any_word(zeroclaw, "rust") == ["code_chat", "other"]
    assert by_any_word(zeroclaw, "rust", 1) == ["code_chat"]
    assert by_any_word(zeroclaw, "rust", 0) == []
    zeroclaw.replace_last("zeroclaw/other", {"role": "user", "content": "gone"})
    assert by_any_word(zeroclaw, "rust") == ["code_chat"]
    zeroclaw.clear("zeroclaw/code_chat")
    assert by_any_word(zeroclaw, "rust") == []
