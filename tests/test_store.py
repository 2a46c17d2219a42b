from __future__ import annotations

import pytest
from tests.archives import Place

pytest_plugins = ["tests.archive_fixtures"]


def test_smoke(place: Place) -> None:
    a, b = place.open(), place.open()
    a.append("x", "hi")
    assert b.load("x").messages == ["hi"]
    assert len(place.keys()) == 2
