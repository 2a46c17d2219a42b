"""The store of the Claude Agent SDK, by the SDK's own conformance suite and by what that does not ask."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.lowlevel
import pytest
from claude_agent_sdk import (
    ClaudeAgentOptions,
    fold_session_summary,
    list_sessions_from_store,
    project_key_for_directory,
)
from claude_agent_sdk._internal import transcript_mirror_batcher
from claude_agent_sdk._internal.session_resume import materialize_resume_session
from claude_agent_sdk._internal.transcript_mirror_batcher import TranscriptMirrorBatcher
from claude_agent_sdk.testing import run_session_store_conformance

from s3store import (
    AsyncSessionStore,
    CommitPolicy,
    InvalidOption,
    InvalidRecord,
    OutcomeUnknown,
    SessionStore,
    StoreUnavailable,
)
from s3store.integrations.claude_agent_sdk import MAX_SUMMARY, NAMESPACE, ClaudeSessionStore
from s3store.objects.counting import CountingStore
from s3store.objects.memory import MemoryStore
from s3store.sync.tools import project_name
from tests.archives import QUICK
from tests.contracts.faults import Faulty, answers_lost, outage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.archives import Place

    from .conftest import Setting

KEY: Any = {"project_key": "-home-mia-weather", "session_id": "5b0c2a7e-93d1-4e0f-8a46-1f7f0f6c2d11"}
SUB: Any = {**KEY, "subpath": "subagents/agent-1"}


def entry(number: int, **more: object) -> Any:
    """Return an entry with a uuid."""
    return {"type": "user", "uuid": f"u-{number}", "message": {"role": "user", "content": f"Words {number}"}, **more}


def needs_the_sdk_to_run_on(setting: Setting) -> None:
    """Skip where the SDK's own code, in its older versions, runs under asyncio alone."""
    if setting.backend == "trio" and not hasattr(transcript_mirror_batcher, "anyio"):
        pytest.skip("this version of the SDK runs under asyncio alone")


def test_conformance_everywhere(place: Place) -> None:
    """The SDK's own suite, each contract on an archive where other sessions are."""
    stores = (ClaudeSessionStore(place.open()) for _ in itertools.count())
    empty = emptied(place, stores)
    anyio.run(run_session_store_conformance, empty)


def emptied(place: Place, stores: Any) -> Callable[[], ClaudeSessionStore]:
    """Return what makes a store without sessions for each contract."""

    def make() -> ClaudeSessionStore:
        for key in place.listed():
            if key != "archive.json":
                place.remove(key)
        return cast("ClaudeSessionStore", next(stores))

    return make


def test_conformance_on_each_loop(setting: Setting) -> None:
    def make() -> ClaudeSessionStore:
        return ClaudeSessionStore(setting.face(MemoryStore(), policy=QUICK))

    setting.run(run_session_store_conformance, make)


def test_a_repeated_uuid_is_stored_once_by_whomever(setting: Setting) -> None:
    async def story() -> None:
        first, second = setting.store(), setting.store()
        await first.append(KEY, [entry(1), entry(2)])
        await first.append(KEY, [entry(1), entry(2), entry(3), entry(3)])
        await second.append(KEY, [entry(2), entry(4)])
        assert await first.load(KEY) == [entry(1), entry(2), entry(3), entry(4)]
        await second.append(SUB, [entry(1)])
        assert await first.load(SUB) == [entry(1)]

    setting.run(story)


def test_entries_without_a_uuid_are_added_each_time(setting: Setting) -> None:
    title: Any = {"type": "custom-title", "customTitle": "Weather"}

    async def story() -> None:
        store = setting.store()
        await store.append(KEY, [title, title])
        await store.append(KEY, [title, {"type": "x", "uuid": None}, {"type": "x", "uuid": 5}])
        assert await store.load(KEY) == [title, title, title, {"type": "x", "uuid": None}, {"type": "x", "uuid": 5}]

    setting.run(story)


def test_two_clients_at_once_lose_nothing_and_fold_everything(setting: Setting) -> None:
    async def story() -> None:
        async def write(number: int) -> None:
            store = setting.store()
            for turn in range(4):
                numbered = number * 10 + turn
                stamp = f"2026-01-01T00:00:{numbered:02}Z"
                await store.append(KEY, [entry(numbered, timestamp=stamp, gitBranch=f"b-{numbered}")])

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(write, number)
        store = setting.store()
        stored = await store.load(KEY)
        assert stored is not None
        assert len(stored) == 20
        (summary,) = await store.list_session_summaries(KEY["project_key"])
        assert summary["data"] == fold_session_summary(None, KEY, stored)["data"]

    setting.run(story)


def test_a_repeat_does_not_turn_the_summary_back(setting: Setting) -> None:
    async def story() -> None:
        store = setting.store()
        old, new = entry(1, gitBranch="old"), entry(2, gitBranch="new")
        await store.append(KEY, [old])
        await store.append(KEY, [new])
        await store.append(KEY, [old])
        (summary,) = await store.list_session_summaries(KEY["project_key"])
        assert summary["data"]["git_branch"] == "new"

    setting.run(story)


@pytest.mark.parametrize("behind", [5, 3600])
def test_a_clock_that_is_behind_reorders_nothing(monkeypatch: pytest.MonkeyPatch, behind: int) -> None:
    async def story() -> None:
        objects = MemoryStore()
        right, wrong = SessionStore(objects), SessionStore(objects)
        now = wrong._archive.runtime.now
        monkeypatch.setattr(wrong._archive.runtime, "now", lambda: now() - timedelta(seconds=behind))
        await ClaudeSessionStore(right).append(KEY, [entry(1)])
        (before,) = await ClaudeSessionStore(right).list_sessions(KEY["project_key"])
        await ClaudeSessionStore(wrong).append(KEY, [entry(2)])
        await ClaudeSessionStore(right).append(KEY, [entry(3)])
        assert await ClaudeSessionStore(wrong).load(KEY) == [entry(1), entry(2), entry(3)]
        (after,) = await ClaudeSessionStore(right).list_sessions(KEY["project_key"])
        assert after["mtime"] >= before["mtime"]

    anyio.run(story)


def test_sessions_are_listed_by_project_with_one_clock(setting: Setting) -> None:
    async def story() -> None:
        store = setting.store()
        keys: list[Any] = [{"project_key": p, "session_id": s} for p in ("a", "a/b", "a%2Fb", "") for s in ("s", "s/t")]
        for key in keys:
            await store.append(key, [entry(1)])
            await store.append({**key, "subpath": "subagents/agent-1"}, [entry(1)])
        for project in ("a", "a/b", "a%2Fb", ""):
            sessions = await store.list_sessions(project)
            assert sorted(each["session_id"] for each in sessions) == ["s", "s/t"]
            summaries = await store.list_session_summaries(project)
            assert {each["session_id"]: each["mtime"] for each in summaries} == {
                each["session_id"]: each["mtime"] for each in sessions
            }
        await store.delete(keys[0])
        assert await store.load(keys[1]) == [entry(1)]
        assert await store.list_subkeys(keys[1]) == ["subagents/agent-1"]
        assert await store.list_subkeys(keys[0]) == []

    setting.run(story)


def test_the_sdk_lists_titles_without_reading_sessions(setting: Setting) -> None:
    async def story(folder: str) -> None:
        key = {**KEY, "project_key": project_key_for_directory(folder)}
        store = setting.store()
        await store.append(key, [entry(1, timestamp="2026-01-01T00:00:00Z", cwd=folder)])
        await store.append(key, [cast("Any", {"type": "custom-title", "customTitle": "Weather"})])
        monkeypatched = setting.store()
        monkeypatched.load = never  # type: ignore[method-assign]
        (info,) = await list_sessions_from_store(monkeypatched, directory=folder)
        assert (info.session_id, info.summary, info.first_prompt) == (key["session_id"], "Weather", "Words 1")

    async def never(key: Any) -> None:
        raise AssertionError("a session was read")

    setting.run(story, "/home/mia/weather")


def test_a_summary_that_is_too_long_is_left_to_the_sdk(setting: Setting) -> None:
    needs_the_sdk_to_run_on(setting)
    long = "x" * MAX_SUMMARY

    async def story(folder: str) -> None:
        key = {**KEY, "project_key": project_key_for_directory(folder)}
        store = setting.store()
        await store.append(key, [entry(1), cast("Any", {"type": "last-prompt", "lastPrompt": long})])
        await store.append(key, [cast("Any", {"type": "custom-title", "customTitle": "Short"})])
        assert await store.list_session_summaries(key["project_key"]) == []
        (info,) = await list_sessions_from_store(store, directory=folder)
        assert (info.summary, info.first_prompt) == ("Short", "Words 1")

    setting.run(story, "/home/mia/weather")


def test_appends_that_come_together_go_out_together_and_in_order(setting: Setting) -> None:
    async def story() -> None:
        objects = CountingStore(setting.objects)
        store = ClaudeSessionStore(setting.face(objects, policy=QUICK))
        await store.append(KEY, [entry(0)])
        async with anyio.create_task_group() as group:
            for number in range(1, 30):
                group.start_soon(store.append, KEY, [entry(number)])
        stored = await setting.store().load(KEY)
        assert stored is not None
        assert len(stored) == 30
        assert len({record.commit for record in record_of(setting)}) <= 4

    setting.run(story)


def record_of(setting: Setting) -> Any:
    """Return the records of the one session, as they are in the archive."""
    session_id = f"{NAMESPACE}/{KEY['project_key']}/{KEY['session_id']}"
    return SessionStore(setting.objects).load(session_id).records


def test_a_wrong_entry_fails_alone_and_before_anything_is_sent(setting: Setting) -> None:
    async def story() -> None:
        store = setting.store()
        wrong: Any = [entry(1), {"type": "x", "n": float("nan")}]
        with pytest.raises(InvalidRecord):
            await store.append(KEY, wrong)
        with pytest.raises(InvalidRecord, match="an entry is an object"):
            await store.append(KEY, cast("Any", ["text"]))
        assert await store.load(KEY) is None

    setting.run(story)


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"project_key": "p"},
        {"project_key": "p", "session_id": ""},
        {**KEY, "subpath": ""},
        {**KEY, "session_id": 5},
    ],
)
def test_a_wrong_key_is_refused(key: Any) -> None:
    async def story() -> None:
        store = ClaudeSessionStore(SessionStore("memory://"))
        for call in (store.load(key), store.append(key, [entry(1)]), store.delete(key)):
            with pytest.raises(InvalidOption):
                await call

    anyio.run(story)


def test_what_is_no_store_is_refused() -> None:
    with pytest.raises(InvalidOption, match="SessionStore"):
        ClaudeSessionStore(cast("Any", "memory://"))


def test_trio_needs_the_blocking_face() -> None:
    async def story() -> None:
        with pytest.raises(InvalidOption, match="give a SessionStore"):
            await ClaudeSessionStore(AsyncSessionStore("memory://")).load(KEY)

    anyio.run(story, backend="trio")


def test_an_outage_is_no_absence_and_a_retry_stores_once(setting: Setting) -> None:
    faulty = Faulty(setting.objects)

    async def story() -> None:
        store = ClaudeSessionStore(SessionStore(faulty, policy=CommitPolicy(seconds=1, attempts=2, pause=0.0001)))
        await store.append(KEY, [entry(1)])
        faulty.after = answers_lost(1)
        await store.append(KEY, [entry(2), {"type": "mode"}])
        faulty.before = outage
        with pytest.raises(StoreUnavailable):
            await store.load(KEY)
        with pytest.raises((StoreUnavailable, OutcomeUnknown)):
            await store.append(KEY, [entry(3)])
        faulty.before = lambda verb, key: None
        await store.append(KEY, [entry(3)])
        assert await store.load(KEY) == [entry(1), entry(2), {"type": "mode"}, entry(3)]

    setting.run(story)


def test_an_append_is_finished_when_its_caller_is_cancelled(setting: Setting) -> None:
    async def story() -> None:
        store = setting.store()
        await store.append(KEY, [entry(1)])
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(store.append, KEY, [entry(2)])
                await anyio.lowlevel.checkpoint()
                await anyio.lowlevel.checkpoint()
                scope.cancel()
        await store.append(KEY, [entry(3)])
        assert await store.load(KEY) == [entry(1), entry(2), entry(3)]

    setting.run(story)


def test_the_mirror_of_the_sdk_runs_on_it(setting: Setting, tmp_path: Path) -> None:
    """The part of the SDK that takes frames from the tool, and the part that makes files to resume from."""
    needs_the_sdk_to_run_on(setting)

    async def story() -> None:
        errors: list[str] = []

        async def on_error(key: object, text: str) -> None:
            errors.append(text)

        options = ClaudeAgentOptions(session_store=setting.store(), resume=KEY["session_id"], cwd=str(tmp_path))
        project = project_key_for_directory(tmp_path)
        batcher = TranscriptMirrorBatcher(setting.store(), str(tmp_path), on_error, max_pending_entries=0)
        main, sub = tmp_path / project / KEY["session_id"], "subagents/agent-1.jsonl"
        for number in range(20):
            batcher.enqueue(f"{main}.jsonl", [entry(number)])
            batcher.enqueue(f"{main / sub}", [entry(number, isSidechain=True)])
        await batcher.close()
        assert not errors
        resumed = await materialize_resume_session(options)
        assert resumed is not None
        found = resumed.config_dir / "projects" / project
        lines = (found / f"{KEY['session_id']}.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == [entry(number) for number in range(20)]
        lines = (found / KEY["session_id"] / sub).read_text().splitlines()
        assert len(lines) == 20
        await resumed.cleanup()

    setting.run(story)


APPENDING = """
import sys, threading
import anyio
from s3store import SessionStore
from s3store.integrations.claude_agent_sdk import ClaudeSessionStore
from s3store.objects.directory import DirectoryStore
from tests.contracts.faults import Faulty, is_head

objects = Faulty(DirectoryStore(sys.argv[1]))
told = threading.Event()

def wait_for_the_signal(verb, key):
    if is_head(verb, key):
        print("writing", flush=True)
        sys.stdin.readline()

async def main():
    store = ClaudeSessionStore(SessionStore(objects))
    objects.before = wait_for_the_signal
    key = {"project_key": "p", "session_id": "s"}
    await store.append(key, [{"type": "user", "uuid": "u-1"}])
    await anyio.sleep(60)

anyio.run(main, backend=sys.argv[2])
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_process_that_is_told_to_end_finishes_its_append(tmp_path: Path, backend: str) -> None:
    words = [sys.executable, "-c", APPENDING, str(tmp_path / "archive"), backend]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGTERM)
        process.stdin.write(b"go on\n")
        process.stdin.close()
        assert process.wait(30) == -signal.SIGTERM
    with SessionStore(f"file://{tmp_path / 'archive'}") as store:
        assert store.load(f"{NAMESPACE}/p/s").messages == [{"type": "user", "uuid": "u-1"}]


def test_the_names_of_folders_are_those_of_the_sdk(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / ("a" * 200), tmp_path / "e\u0301 \U0001f600.d"):
        assert project_name(path) == project_key_for_directory(path)
