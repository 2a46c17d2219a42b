"""The soak of real servers: a short one, and that it would notice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.servers import Endpoint
from tests.servers.soak import broken_promises, soak

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers import MinistackServer


@pytest.mark.long
@pytest.mark.s3
def test_what_racing_processes_were_told_is_there_once_though_they_are_killed(
    ministack: MinistackServer, bucket_name: Callable[[], str]
) -> None:
    endpoint = Endpoint("ministack", ministack.url, ministack.make_bucket(bucket_name()))
    totals = soak(endpoint, seconds=12, processes=4, kill_every=2.0, seed=1)
    assert totals.problems == ()
    assert totals.killed > 1
    assert totals.stored >= totals.acknowledged > 0


def test_a_record_that_is_lost_or_doubled_is_noticed() -> None:
    acknowledged = Counter(["s w1-0", "s w1-1", "s w2-0"])
    assert broken_promises(acknowledged, Counter(["s w1-0", "s w1-1", "s w2-0", "s w2-1"])) == []
    assert broken_promises(acknowledged, Counter(["s w1-0", "s w1-1", "s w1-1"])) == [
        "s w2-0 was acknowledged and is lost",
        "s w1-1 is there 2 times",
    ]
