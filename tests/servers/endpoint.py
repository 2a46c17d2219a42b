"""Which S3 the tests of real servers talk to: the one that the environment names.

`S3STORE_TEST_ENDPOINT_URL` and `S3STORE_TEST_BUCKET` say where, `S3STORE_TEST_ACCESS_KEY_ID` and
`S3STORE_TEST_SECRET_ACCESS_KEY` (with `S3STORE_TEST_SESSION_TOKEN` and `S3STORE_TEST_REGION`, if need be) who asks, and
`S3STORE_TEST_SERVER` which differences from S3 are expected: a name of `differences.DIFFERENCES`, or none. The bucket
is there before; each test works under a prefix of its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

from s3store import S3Options

_PREFIX = "S3STORE_TEST_"
AWS = "aws"
"""The name of a server of which no difference is expected."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A bucket of an S3 server, and who asks for it."""

    server: str
    url: str
    bucket: str
    access_key: str = "test"
    secret_key: str = field(default="testtest", repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str = "us-east-1"

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return the one that the environment names, or None. Raises `RuntimeError` where it names half of one."""
        found = {
            name.removeprefix(_PREFIX).lower(): value for name, value in os.environ.items() if name.startswith(_PREFIX)
        }
        if "endpoint_url" not in found:
            return None
        missing = [name for name in ("bucket", "access_key_id", "secret_access_key") if not found.get(name)]
        if missing:
            raise RuntimeError("set " + ", ".join(_PREFIX + name.upper() for name in missing) + " too")
        return cls(
            found.get("server", AWS),
            found["endpoint_url"],
            found["bucket"],
            found["access_key_id"],
            found["secret_access_key"],
            found.get("session_token"),
            found.get("region", "us-east-1"),
        )

    def environ(self) -> dict[str, str]:
        """Return the variables of which `from_environment` makes this one."""
        values = {
            "SERVER": self.server,
            "ENDPOINT_URL": self.url,
            "BUCKET": self.bucket,
            "ACCESS_KEY_ID": self.access_key,
            "SECRET_ACCESS_KEY": self.secret_key,
            "REGION": self.region,
        }
        if self.session_token:
            values["SESSION_TOKEN"] = self.session_token
        return {_PREFIX + name: value for name, value in values.items()}

    def options(self, *, asynchronous: bool = False, **more: Any) -> S3Options:
        """Return options for boto3, or for aioboto3; the bucket's name is in the path: loopback has no host names."""
        identity = (self.access_key, self.secret_key, self.session_token, self.region)
        session = _async_session(*identity) if asynchronous else _session(*identity)
        return S3Options(session=session, endpoint_url=self.url, addressing_style="path", **more)

    def make_bucket(self, *, versioned: bool = False) -> None:
        """Create the bucket."""
        client = _session(self.access_key, self.secret_key, self.session_token, self.region).client(
            "s3", endpoint_url=self.url, config=_path_style()
        )
        try:
            client.create_bucket(Bucket=self.bucket)
            if versioned:
                client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        finally:
            client.close()


# One for all: it keeps the SDK's descriptions of S3, which take long to read.
@cache
def _session(access_key: str, secret_key: str, token: str | None, region: str) -> Any:
    import boto3

    return boto3.Session(access_key, secret_key, token, region_name=region)


@cache
def _async_session(access_key: str, secret_key: str, token: str | None, region: str) -> Any:
    import aioboto3

    return aioboto3.Session(access_key, secret_key, token, region_name=region)


def _path_style() -> Any:
    from botocore.config import Config

    return Config(s3={"addressing_style": "path"})
