"""What is loaded when, and what is left behind: each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    "boto3",
    "botocore",
    "aioboto3",
    "aiobotocore",
    "aiohttp",
    "rich",
    "click",
    "pytest",
    "diskcache",
    "sqlite3",
    "xxhash",
}


_DIRECTORY = """
import s3store, tempfile
with tempfile.TemporaryDirectory() as folder, s3store.SessionStore(f"file://{folder}/archive") as store:
    store.append("a", "x")
"""
_EVENT = """
from s3store.serverless import agent_handler
agent_handler(list, store="memory://")({"Event": "s3:TestEvent"}, None)
"""
_REQUEST = """
from s3store import S3Options, S3StoreError
from s3store.objects.s3_blocking import S3BlockingStore
from s3store.runtime import run
options = S3Options(endpoint_url="http://127.0.0.1:9", region="x", connect_timeout=0.01)
store = S3BlockingStore("bucket", "prefix", options)
try: run(store.put("key", b"", if_absent=True))
except S3StoreError: pass
run(store.close())
"""


def loaded_by(code: str) -> set[str]:
    """The top-level modules that are loaded once the code has run."""
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import s3store",
        "from s3store import *",
        "import s3store.cache; s3store.cache.Cache('/nowhere/cache')",
        "import s3store; s3store.SessionStore('memory://').append('a', 'x')",
        "import s3store; s3store.SessionStore('s3://bucket/prefix', s3=s3store.S3Options(region='eu-central-1'))",
        _DIRECTORY,
        "import s3store; s3store.AsyncSessionStore('s3://bucket/prefix')",
        _EVENT,
    ],
    ids=["import", "star", "cache", "memory", "s3-opened", "directory", "s3-opened-async", "serverless"],
)
def test_no_sdk_is_loaded_before_something_is_sent(code: str) -> None:
    assert loaded_by(code) & HEAVY == set()


def test_the_blocking_face_loads_no_event_loop() -> None:
    assert "asyncio" not in loaded_by(_DIRECTORY)


def test_diskcache_is_loaded_by_the_first_use_of_a_cache(tmp_path: Path) -> None:
    use = f"from s3store.cache import Cache; c = Cache({str(tmp_path / 'cache')!r}); c.get('a'); c.close()"
    assert {"diskcache", "sqlite3"} <= loaded_by(use)


def test_the_sdk_is_loaded_by_the_first_request() -> None:
    assert "boto3" in loaded_by(_REQUEST)
