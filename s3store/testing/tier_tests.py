"""The part of `ObjectStoreTests` about storage classes, for stores that are `Tiered`."""

# ruff: noqa: D102 - the name of a test says what it tests

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

import pytest

from ..errors import InvalidOption, StoreNotCapable
from ..objects.base import NoSuchKey
from ..objects.tiers import LONGEST_RESTORE, STANDARD, Archived, Storage, Tiered

if TYPE_CHECKING:
    from ..objects.base import ObjectStore
    from .drivers import Driver

_KEY = "tiers/object"
_BODY = b"12345"
_LOOKS, _PAUSE = 1000, 0.02


class TierTests:
    """Tests of storage classes, for a store in the fixture `store`. Reached through `ObjectStoreTests`."""

    has_classes: ClassVar[bool] = False
    """Whether the store has other classes than the usual one."""

    @pytest.fixture
    def tiers(self, driver: Driver, store: ObjectStore) -> Tiered:
        """Return the store with an object in it; a store that is not `Tiered` has nothing to test here."""
        if not isinstance(store, Tiered):
            pytest.skip("the store is not Tiered")
        driver.run(store.put(_KEY, _BODY))
        return store

    def test_an_object_tells_how_it_is_kept(self, driver: Driver, tiers: Tiered) -> None:
        found = driver.run(tiers.storage(_KEY))
        assert found == Storage(STANDARD, len(_BODY))
        assert found.readable

    def test_an_object_moves_to_another_class_or_stays(self, driver: Driver, store: ObjectStore, tiers: Tiered) -> None:
        driver.run(tiers.set_class(_KEY, STANDARD))
        if self.has_classes:
            driver.run(tiers.set_class(_KEY, "STANDARD_IA"))
            assert driver.run(tiers.storage(_KEY)) == Storage("STANDARD_IA", len(_BODY))
        else:
            with pytest.raises(StoreNotCapable):
                driver.run(tiers.set_class(_KEY, "STANDARD_IA"))
        assert driver.run(store.get(_KEY)).body == _BODY

    def test_what_is_archived_is_restored_to_be_read(self, driver: Driver, store: ObjectStore, tiers: Tiered) -> None:
        if not self.has_classes:
            with pytest.raises(StoreNotCapable):
                driver.run(tiers.restore(_KEY, days=1, tier="bulk"))
            return
        driver.run(tiers.set_class(_KEY, "GLACIER"))
        assert driver.run(tiers.storage(_KEY)) == Storage("GLACIER", len(_BODY))
        with pytest.raises(Archived):
            driver.run(store.get(_KEY))
        driver.run(tiers.restore(_KEY, days=1, tier="bulk"))
        driver.run(tiers.restore(_KEY, days=1, tier="bulk"))
        pause = threading.Event()
        for _ in range(_LOOKS):
            found = driver.run(tiers.storage(_KEY))
            if found.readable:
                break
            assert found.restoring
            pause.wait(_PAUSE)
        assert found.restored_until is not None
        assert driver.run(store.get(_KEY)).body == _BODY

    def test_what_is_missing_has_no_class(self, driver: Driver, tiers: Tiered) -> None:
        with pytest.raises(NoSuchKey):
            driver.run(tiers.storage("tiers/missing"))

    def test_what_there_is_not_is_refused(self, driver: Driver, tiers: Tiered) -> None:
        for name in ("", "standard", "COLD"):
            with pytest.raises(InvalidOption, match="storage_class"):
                driver.run(tiers.set_class(_KEY, name))
        for days in (0, LONGEST_RESTORE + 1):
            with pytest.raises(InvalidOption, match="days"):
                driver.run(tiers.restore(_KEY, days=days, tier="bulk"))
