"""Packing, beside others who settle, delete or bring back at the worst moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from s3store import SessionStore
from s3store.keys import PACK_RECORDS, SESSIONS, transcript_head
from tests.contracts.faults import Faulty

if TYPE_CHECKING:
    from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]

_LONGEST_SECONDS = 20


def test_a_session_that_comes_to_name_a_pack_while_it_is_settled_does_not_stay_hot(memory: Place) -> None:
    store = memory.open()
    for name in ("early", "late"):
        store.append(name, name)
    packing, cleaning = Faulty(memory.objects), Faulty(memory.objects)
    waits, may_go_on = threading.Event(), threading.Event()
    packer = threading.Thread(target=lambda: SessionStore(packing, cache=False).pack(idle=0))

    def before_the_late_one_names_it(verb: str, key: str) -> None:
        if verb == "put" and key == transcript_head("late"):
            waits.set()
            may_go_on.wait(_LONGEST_SECONDS)

    def before_it_is_settled(verb: str, key: str) -> None:
        if verb == "put" and key.startswith(PACK_RECORDS):
            may_go_on.set()
            packer.join(_LONGEST_SECONDS)

    packing.before, cleaning.before = before_the_late_one_names_it, before_it_is_settled
    packer.start()
    assert waits.wait(_LONGEST_SECONDS)
    cleaned = SessionStore(cleaning, cache=False).cleanup(older_than=0)

    assert (cleaned.thinned, cleaned.failures) == (2, [])
    assert {summary.id: summary.place for summary in memory.open().list()} == {"early": "cold", "late": "cold"}


def test_a_session_deleted_while_it_is_brought_back_leaves_nothing(memory: Place) -> None:
    store = memory.open()
    store.append("a", "message")
    store.pack(idle=0)
    store.cleanup(older_than=0)
    faulty = Faulty(memory.objects)

    def before_its_swap(verb: str, key: str) -> None:
        if verb == "put" and key == transcript_head("a"):
            faulty.before = lambda verb, key: None
            store.delete("a")

    faulty.before = before_its_swap
    assert not SessionStore(faulty, cache=False).unpack("a")
    assert memory.listed(SESSIONS) == [transcript_head("a")]
