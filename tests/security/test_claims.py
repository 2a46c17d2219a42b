"""`SECURITY.md` and what it points to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from s3store import IndexPolicy
from s3store.index.entry import Entry, read_text
from s3store.keys import INDEX_LOG, entry_of_log_key

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

ROOT = Path(__file__).parents[2]


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(tests/[^:`]+)::(\w+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 20
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []


def test_who_lists_learns_just_what_is_said(memory: Place) -> None:
    with memory.open(index=IndexPolicy(compact_after=None)) as store:
        store.create(
            "the-id", ["secret"], name="the-name", agent="the-agent", channel="the-channel", room="the-room",
            sender="the-sender", parent="the-parent", state="the-state", labels={"the-label"}, turn="the-turn",
            attributes={"k": "secret"},
        )  # fmt: skip
        store.artifacts("the-id").put("secret", b"secret" * 10_000)
        store.traces("the-id").append("secret")
    shown = []
    for key in memory.listed():
        if key.startswith(INDEX_LOG):
            entry = read_text(key, entry_of_log_key(key))
            assert isinstance(entry, Entry)
            assert set(entry.fields) <= {
                "id", "name", "agent", "channel", "room", "sender", "parent", "state", "labels", "turn", "incarnation",
                "version", "count", "size", "updated_at", "created_at", "provisional", "renewed",
            }  # fmt: skip
            shown.append(repr(entry.fields))
        shown.append(key)
    assert any("the-label" in text for text in shown)
    assert not any("secret" in text for text in shown)
