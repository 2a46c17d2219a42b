"""`s3store import`: again, grown, rewritten, changed, interrupted, odd."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from s3store.importers.engine import BATCH_BYTES, import_session
from s3store.importers.formats import read

if TYPE_CHECKING:
    from s3store import SessionStore

    from .conftest import Cli

SAMPLES = Path(__file__).parents[2] / "examples" / "sessions"
ID = "messages/chats/talk.jsonl"


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "chats" / "talk.jsonl"
    path.parent.mkdir()
    path.write_text(line("hello") + line("hi there"))
    return path


def line(text: str) -> str:
    return json.dumps({"role": "user", "content": text}) + "\n"


def outcomes(cli: Cli, *args: object) -> list[str]:
    result = cli("import", *args, "--json")
    return [found["outcome"] for text in result.stdout.splitlines() if "outcome" in (found := json.loads(text))]


def test_a_folder_of_all_formats_comes_in_once(cli: Cli) -> None:
    first = cli.json("import", SAMPLES)
    assert (first[-1]["new"], first[-1]["messages"], first[-1]["odd_lines"]) == (10, 204, 1)
    again = cli.json("import", SAMPLES)
    assert (again[-1]["new"], again[-1]["unchanged"], again[-1]["messages"]) == (0, 10, 0)
    assert [it["id"] for it in again[:-1]] == [it["id"] for it in first[:-1]]


def test_odd_lines_are_told_by_file_and_number_and_without_content(cli: Cli, talk: Path) -> None:
    with talk.open("a") as file:
        file.write("no json, but a secret\n" + line("go on"))
    told = cli.ok("import", talk)
    assert f"line 3 of {talk} is no JSON" in told
    assert "secret" not in told


def test_a_file_that_grew_adds_only_what_is_new(cli: Cli, talk: Path, store: SessionStore) -> None:
    cli.ok("import", talk)
    with talk.open("a") as file:
        file.write(line("more"))
    told = cli.json("import", talk)
    assert (told[0]["outcome"], told[0]["added"], told[0]["records"]) == ("grew", 1, 3)
    assert [message["content"] for message in store.load(ID).messages] == ["hello", "hi there", "more"]


def test_a_line_that_was_cut_short_is_completed(cli: Cli, talk: Path, store: SessionStore) -> None:
    whole = talk.read_text() + line("a long one")
    talk.write_text(whole[:-9])
    assert cli.json("import", talk)[0]["tail_is_partial"] is True
    talk.write_text(whole)
    assert outcomes(cli, talk) == ["grew"]
    assert store.load(ID).messages[-1]["content"] == "a long one"
    assert store.info(ID).count == 3


def test_a_rewritten_file_is_refused_and_replaces_when_told_to(cli: Cli, talk: Path, store: SessionStore) -> None:
    cli.ok("import", talk)
    talk.write_text(line("another"))
    refused = cli("import", talk)
    assert refused.exit_code == 1
    assert "--replace" in refused.stderr
    assert store.info(ID).count == 2
    assert outcomes(cli, talk, "--replace") == ["rewritten"]
    assert [message["content"] for message in store.load(ID).messages] == ["another"]


def test_a_session_that_went_on_in_the_archive_is_refused_once_its_file_grows(
    cli: Cli, talk: Path, store: SessionStore
) -> None:
    cli.ok("import", talk)
    store.append(ID, "said in the archive")
    assert outcomes(cli, talk) == ["unchanged"]
    with talk.open("a") as file:
        file.write(line("said in the file"))
    assert outcomes(cli, talk) == ["refused"]
    assert store.load(ID).messages[-1] == "said in the archive"


def test_a_message_replaced_in_the_archive_is_noticed_too(cli: Cli, talk: Path, store: SessionStore) -> None:
    cli.ok("import", talk)
    store.replace_last(ID, "mended by hand")
    with talk.open("a") as file:
        file.write(line("more"))
    assert outcomes(cli, talk) == ["refused"]
    assert outcomes(cli, talk, "--replace") == ["rewritten"]


def test_a_label_and_a_name_given_in_the_archive_are_no_change_of_it(cli: Cli, talk: Path, store: SessionStore) -> None:
    cli.ok("import", talk)
    cli.ok("set", ID, "--label", "kept", "--name", "mine")
    with talk.open("a") as file:
        file.write(line("more"))
    assert outcomes(cli, talk) == ["grew"]
    metadata = store.info(ID).metadata
    assert (metadata.labels, metadata.name) == (frozenset({"kept"}), "mine")


def test_a_session_that_no_import_made_is_not_touched(cli: Cli, talk: Path, store: SessionStore) -> None:
    store.append(ID, "mine")
    assert outcomes(cli, talk) == ["refused"]
    assert store.load(ID).messages == ["mine"]


def test_another_file_of_the_same_id_is_refused_even_with_replace(cli: Cli, talk: Path, tmp_path: Path) -> None:
    cli.ok("import", talk)
    other = tmp_path / "elsewhere" / "chats" / "talk.jsonl"
    other.parent.mkdir(parents=True)
    other.write_text(line("of somebody else"))
    assert outcomes(cli, other, "--replace") == ["refused"]
    assert outcomes(cli, other, "--prefix", "b/") == ["new"]


def test_a_prefix_goes_before_the_id_and_the_parent(cli: Cli, store: SessionStore) -> None:
    cli.ok("import", SAMPLES / "claude-code", "--prefix", "mia:")
    parents = {info.metadata.parent for info in store.scan()} - {None}
    assert parents <= {info.id for info in store.scan()}
    assert all(info.id.startswith("mia:") for info in store.scan())


def test_a_dry_run_writes_nothing(cli: Cli, talk: Path, tmp_path: Path) -> None:
    assert outcomes(cli, talk, "--dry-run") == ["new"]
    assert not [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    assert "2 messages would be stored" in cli.ok("import", talk, "--dry-run")


def test_a_broken_file_fails_alone(cli: Cli, talk: Path) -> None:
    broken = talk.with_name("broken.json")
    broken.write_text('[{"role": "user", "content": "a"}, {"role": "us')
    result = cli("import", talk.parent, broken, "--format", "messages", "--json")
    assert result.exit_code == 1
    *sessions, summary = map(json.loads, result.stdout.splitlines())
    assert {it["outcome"] for it in sessions} == {"new", "failed"}
    assert (summary["new"], summary["failed"]) == (1, 1)


def test_a_path_that_is_not_there_is_a_wrong_call(cli: Cli, tmp_path: Path) -> None:
    result = cli("import", tmp_path / "nothing")
    assert result.exit_code == 2
    assert "nothing" in result.stderr


def test_a_file_named_twice_comes_in_once(cli: Cli, talk: Path) -> None:
    assert outcomes(cli, talk, talk.parent, talk.parent / ".." / "chats" / "talk.jsonl") == ["new"]


def test_a_format_passes_files_of_others_over(cli: Cli) -> None:
    told = cli.json("import", SAMPLES, "--format", "codex")
    assert [it["format"] for it in told[:-1]] == ["codex"]


def test_nothing_found_is_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = cli("import", tmp_path / "empty")
    assert (result.exit_code, result.stderr) == (0, "no session files were found\n")


def test_an_import_that_is_killed_between_two_commits_goes_on_without_doubling(
    cli: Cli, talk: Path, store: SessionStore
) -> None:
    lines = [line(f"{number} " + "x" * 5000) for number in range(3 * BATCH_BYTES // 5000)]
    talk.write_text("".join(lines))
    [session] = read(talk, "messages")

    class KilledError(Exception):
        pass

    def kill() -> None:
        raise KilledError

    with pytest.raises(KilledError):
        import_session(store, session, on_commit=kill)
    assert 0 < store.info(ID).count < len(lines)
    told = cli.json("import", talk)
    assert told[0]["outcome"] == "grew"
    assert [message["content"] for message in store.load(ID).messages] == [
        json.loads(each)["content"] for each in lines
    ]
    assert outcomes(cli, talk) == ["unchanged"]


def test_hostile_names_of_files_do_no_harm(cli: Cli, tmp_path: Path, store: SessionStore) -> None:
    folder = tmp_path / "chats"
    folder.mkdir()
    hostile = folder / "a\x1b[2J\nb.jsonl"
    hostile.write_text(line("hello"))
    told = cli.ok("import", folder)
    assert "\x1b" not in told
    assert told.count("\n") == 2
    assert [info.id for info in store.scan()] == ["messages/chats/a\x1b[2J\nb.jsonl"]


def test_many_sessions_come_in_side_by_side_and_in_order(cli: Cli, tmp_path: Path, store: SessionStore) -> None:
    folder = tmp_path / "chats"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:03}.jsonl").write_text(line(str(number)))
    told = cli.json("import", folder)
    assert [it["id"] for it in told[:-1]] == [f"messages/chats/{number:03}.jsonl" for number in range(60)]
    assert {info.metadata.name for info in store.scan()} == {str(number) for number in range(60)}


def test_export_gives_back_what_was_imported(cli: Cli, tmp_path: Path) -> None:
    copied = tmp_path / "sessions"
    shutil.copytree(SAMPLES, copied)
    cli.ok("import", copied)
    cli.ok("export", "--all", "--format", "source", "--out", tmp_path / "out")
    written = {path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for path in copied.rglob("*.jsonl"):
        assert path.read_bytes() in written
    values = [json.loads(each) for each in written if each.count(b"\n") == 1]
    assert json.loads((copied / "openai" / "support-chat.json").read_bytes()) in values
    assert json.loads((copied / "swe-agent" / "fix-off-by-one.traj").read_bytes()) in values
    runs = json.loads((copied / "tau-bench" / "runs.json").read_bytes())
    assert all(run in values for run in runs)
