"""`s3store send`, `spawn`, `inbox`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from s3store.contracts.broker import Broker

if TYPE_CHECKING:
    from s3store import SessionStore

    from .conftest import Cli


def test_send_leaves_a_message_once_for_a_key(cli: Cli, store: SessionStore) -> None:
    store.create("a")
    assert cli.ok("send", "a", "hello", "--from", "b", "--key", "k") == "sent; 1 message waiting\n"
    assert cli.ok("send", "a", "hello", "--from", "b", "--key", "k") == "sent; 1 message waiting\n"
    assert cli.ok("send", "a", "more") == "sent; 2 messages waiting\n"
    assert [record.message for record in store.inbox("a").records()] == [
        {"role": "user", "content": "hello", "name": "b"},
        {"role": "user", "content": "more"},
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("send", "nobody", "hello"), 3),
        (("send", "a", "hello", "--from", "a"), 2),
        (("send", "a"), 2),
        (("spawn", "a", "work", "--wait", "-1"), 2),
    ],
)
def test_what_cannot_be_sent_says_why(cli: Cli, store: SessionStore, arguments: tuple[str, ...], code: int) -> None:
    store.create("a")
    result = cli(*arguments)
    assert result.exit_code == code
    assert result.stderr
    assert Broker(store).waiting() == []


def test_inbox_shows_what_waits_and_takes_nothing(cli: Cli, store: SessionStore) -> None:
    inbox = store.inbox("a")
    assert cli.ok("inbox", "a").endswith("0 messages waiting, 0 done\n")
    inbox.send_all(
        [{"role": "user", "content": text} for text in ("first", "two", "evil\x1b[2J")], keys=["k", None, None]
    )
    first = inbox.receive()
    assert first is not None
    first.done()
    taken = inbox.receive()
    assert taken is not None
    taken.release()
    inbox.receive()
    shown = cli.ok("inbox", "a")
    assert "first" not in shown
    assert "two" in shown
    assert "evil" in shown
    assert "\x1b" not in shown
    assert "2 messages waiting, 1 done; the next one is taken until " in shown
    assert shown.endswith("it has been taken 2 times\n")
    assert "first" in cli.ok("inbox", "a", "--all")
    found = cli.json("inbox", "a", "--all")
    assert [(line["seq"], line["key"], line["done"]) for line in found] == [
        (0, "k", True),
        (1, None, False),
        (2, None, False),
    ]
    assert [line["seq"] for line in cli.json("inbox", "a")] == [1, 2]


def test_spawn_prints_the_child_and_records_what_it_is_to_do(cli: Cli, store: SessionStore) -> None:
    child = cli.ok("spawn", "a", "work", "--model", "m", "--system", "brief", "--tool", "x", "--tool", "y").strip()
    info = store.info(child)
    assert info.metadata.parent == "a"
    assert info.metadata.attributes == {"spawn": {"model": "m", "system": "brief", "tools": ["x", "y"]}}
    assert store.inbox(child).last(1)[0].message == {"role": "user", "content": "work", "name": "a"}
    assert cli.json("spawn", "a", "work", "--wait", 0) == [{"id": Broker(store).list()[0].id}]


def test_spawn_waits_for_the_first_reply(cli: Cli, store: SessionStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cli.ok, "spawn", "a", "work", "--wait", 60, "--json")
        for message in Broker(store).watch(wait=60, poll=0.05):
            store.append(message.session_id, {"role": "assistant", "content": "done"})
            break
        found = json.loads(waiting.result(60))
    assert found["first_reply"]["content"] == "done"
