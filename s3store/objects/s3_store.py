"""An object store on S3 with the sending left out: what the blocking and the asyncio store share."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from datetime import UTC
from typing import TYPE_CHECKING, Literal, Protocol

from ..errors import AccessDenied, CorruptObject, StoreNotCapable, StoreUnavailable
from .base import ListedObject, ListPage, NoSuchKey, NotModified, StoredObject
from .s3_errors import CutBody, DamagedBody, RangeBehindEnd
from .s3_large import S3LargeObjects
from .s3_tiers import S3Tiers

if TYPE_CHECKING:
    from .s3_requests import S3Request
    from .s3_sender import Answer, Listed

READ_ATTEMPTS = 3
"""How often an object is read whose bytes did not all come, before the store counts as unavailable."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/")

_GIVEN_KEYS = frozenset(
    {"explicit", "env", "shared-credentials-file", "config-file", "boto-config", "ec2-credentials-file"}
)
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

Versioning = Literal["enabled", "suspended", "off", "unknown"]


class Credentials(Protocol):
    """What is used of the SDK's credentials. For those that are fetched, reading the key would fetch them."""

    method: str
    access_key: str


class S3Store(S3LargeObjects, S3Tiers):
    """The operations of `ObjectStore` and `Tiered` on a prefix of a bucket: `S3BlockingStore` and `S3AsyncStore`.

    `prefix` is put before every key, with a slash between; keys given and listed are without it. Raises
    `InvalidOption` for a bucket or prefix that cannot hold an archive. Nothing is sent, and no SDK is loaded,
    before the first operation.
    """

    async def get(
        self, key: str, *, if_none_match: str | None = None, byte_range: tuple[int, int] | None = None
    ) -> StoredObject:
        """See `ObjectStore.get`. Raises `CorruptObject` where the bytes never match the store's checksum."""
        damage: DamagedBody = CutBody(key)
        for _ in range(READ_ATTEMPTS):
            try:
                return await self._get(key, if_none_match, byte_range)
            except DamagedBody as error:
                damage = error
            except _Changed:
                pass
        if isinstance(damage, CutBody):
            message = f"GetObject of {self._where}{key}: not all bytes came, {READ_ATTEMPTS} times"
            raise StoreUnavailable(message, may_have_landed=False) from damage
        raise CorruptObject(f"{self._where}{key}: the bytes do not have the checksum that the store gives")

    async def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """See `ObjectStore.put`."""
        request = self._requests.put(key, body, if_match=if_match, if_absent=if_absent)
        answer = await self._ask(request)
        return self._etag(answer, request)

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See `ObjectStore.delete`."""
        request = self._requests.delete(key, if_match=if_match)
        try:
            await self._ask(request)
        except NoSuchKey:
            if if_match is not None:
                raise

    async def list_page(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> ListPage:
        """See `ObjectStore.list_page`."""
        request = self._requests.list_page(prefix, after=after, limit=limit)
        answer = await self._ask(request)
        listed = tuple(self._listed(entry) for entry in answer.get("Contents", ()))
        if not answer.get("IsTruncated"):
            return ListPage(listed, None)
        if not listed:
            raise StoreNotCapable(f"{self._where}{prefix}: a page of the listing is empty, yet not the last")
        return ListPage(listed, listed[-1].key)

    async def versioning(self) -> Versioning:
        """Return whether the bucket keeps old versions; `unknown` where rights or the store do not tell."""
        request = self._requests.versioning()
        try:
            answer = await self._ask(request)
        except (AccessDenied, StoreNotCapable):
            return "unknown"
        states: dict[str, Versioning] = {"Enabled": "enabled", "Suspended": "suspended", "": "off"}
        return states.get(answer.get("Status", ""), "unknown")

    async def identity(self) -> str:
        """See `Identified.identity`: endpoint, bucket, prefix, and whose rights requests have there.

        Whose is told by the id of a key that stands somewhere; keys that are fetched (for a role, by SSO, by a process)
        change all the time, and are told by how they are fetched and for which profile.
        """
        options = self._options
        endpoint = options.endpoint_url or next(filter(None, map(os.environ.get, _ENDPOINTS)), "aws")
        profile, credentials = await self._who()
        if credentials is None:
            who = "nobody"
        elif credentials.method in _GIVEN_KEYS:
            who = f"{credentials.method}:{credentials.access_key}"
        else:
            who = credentials.method
        return "\n".join((endpoint, self._where, profile, who, os.environ.get("AWS_ROLE_ARN", "")))

    @abstractmethod
    async def _who(self) -> tuple[str, Credentials | None]:
        """Return the SDK's profile, and the credentials that requests will be signed with, None if there are none."""

    async def _get(self, key: str, if_none_match: str | None, byte_range: tuple[int, int] | None) -> StoredObject:
        if byte_range is not None and byte_range[0] == byte_range[1]:
            return await self._nothing(key, if_none_match, size_up_to=None)
        request = self._requests.get(key, if_none_match=if_none_match, byte_range=byte_range)
        try:
            with self._translated(request):
                answer, body = await self._read(request)
        except RangeBehindEnd:
            start = 0 if byte_range is None else byte_range[0]
            return await self._nothing(key, if_none_match, size_up_to=start)
        if len(body) != answer.get("ContentLength", len(body)):
            raise CutBody(key)
        if byte_range is not None:
            body = self._part(body, answer, request, byte_range)
        return StoredObject(body, self._etag(answer, request))

    async def _nothing(self, key: str, if_none_match: str | None, *, size_up_to: int | None) -> StoredObject:
        """Return no bytes with the object's ETag; S3's answer to a range behind the end does not give it."""
        request = self._requests.head(key)
        answer = await self._ask(request)
        etag = self._etag(answer, request)
        if etag == if_none_match:
            raise NotModified(key)
        if size_up_to is not None and answer.get("ContentLength", 0) > size_up_to:
            raise _Changed
        return StoredObject(b"", etag)

    def _part(self, body: bytes, answer: Answer, request: S3Request, byte_range: tuple[int, int]) -> bytes:
        told = answer.get("ContentRange")
        if told is None:
            return body[slice(*byte_range)]  # a server is free to answer with the whole object
        match = _CONTENT_RANGE.match(told)
        if match is None or int(match[1]) != byte_range[0] or len(body) > byte_range[1] - byte_range[0]:
            raise StoreNotCapable(f"{self._where}{request.key}: the store answers with another range")
        if len(body) != int(match[2]) - int(match[1]) + 1:
            raise CutBody(request.key)
        return body

    def _listed(self, entry: Listed) -> ListedObject:
        key = entry["Key"].removeprefix(self._requests.prefix)
        return ListedObject(key, entry["Size"], entry["LastModified"].astimezone(UTC))


class _Changed(Exception):
    """The object grew between two looks at it; look again."""
