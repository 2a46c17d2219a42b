"""What others can subclass to test a store of their own. Needs pytest, which `s3store[test]` brings.

::

    from s3store.testing import ObjectStoreTests

    class TestMyStore(ObjectStoreTests):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)
"""

import pytest

# Before the import, or the assertions in there would fail without saying what they compared.
pytest.register_assert_rewrite(
    *(f"s3store.testing.{part}" for part in ("object_store_tests", "tier_tests", "upload_tests"))
)

from .drivers import AsyncioDriver, BlockingDriver, Driver  # noqa: E402
from .object_store_tests import ODD_KEYS, ObjectStoreTests  # noqa: E402

__all__ = ["ODD_KEYS", "AsyncioDriver", "BlockingDriver", "Driver", "ObjectStoreTests"]
