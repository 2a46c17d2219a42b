"""Large objects on S3: uploads in parts, presigned URLs, and the versions that a bucket keeps."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from ..errors import StoreNotCapable
from .base import NoSuchKey, NoSuchUpload, ObjectVersion, Part, StartedUpload, Upload
from .s3_sender import S3Sender

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .s3_requests import S3Request
    from .s3_sender import Answer


class S3LargeObjects(S3Sender):
    """The operations of `ObjectStore` that large objects need."""

    async def size(self, key: str) -> int:
        """See `ObjectStore.size`."""
        request = self._requests.head(key)
        size = (await self._ask(request)).get("ContentLength")
        if size is None:
            raise self._incomplete(request, "size")
        return size

    async def begin_upload(self, key: str, *, part_size: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        request = self._requests.begin_upload(key, part_size)
        name = (await self._ask(request)).get("UploadId")
        if not name:
            raise self._incomplete(request, "upload id")
        return Upload(key, name)

    async def put_part(self, upload: Upload, number: int, body: bytes) -> Part:
        """See `ObjectStore.put_part`. S3 does not know how large the other parts are, so that is not checked."""
        request = self._requests.put_part(upload, number, body)
        return Part(number, self._etag(await self._ask(request), request), len(body))

    async def parts(self, upload: Upload) -> list[Part]:
        """See `ObjectStore.parts`."""
        found: list[Part] = []
        while True:
            request = self._requests.parts(upload, after=found[-1].number if found else 0)
            answer = await self._ask(request)
            page = [Part(part["PartNumber"], part["ETag"], part["Size"]) for part in answer.get("Parts", ())]
            found += page
            if not answer.get("IsTruncated"):
                return found
            if not page:
                raise self._incomplete(request, "part, yet more are said to come,")

    async def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> str:
        """See `ObjectStore.finish_upload`."""
        request = self._requests.finish_upload(upload, parts)
        return self._etag(await self._ask(request), request)

    async def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        try:
            await self._ask(self._requests.abort_upload(upload))
        except NoSuchUpload:
            pass

    async def list_uploads(self, prefix: str) -> list[StartedUpload]:
        """See `ObjectStore.list_uploads`."""
        found: list[StartedUpload] = []
        after: dict[str, str] | None = {}
        while after is not None:
            request = self._requests.list_uploads(prefix, after=after)
            answer = await self._ask(request)
            for entry in answer.get("Uploads", ()):
                upload = Upload(self._key(entry["Key"]), entry["UploadId"])
                # To the second, as the times of objects are on S3. Ceph has parts of a second here alone; with them an
                # upload would look younger than an object that was stored after it.
                started = entry["Initiated"].astimezone(UTC).replace(microsecond=0)
                found.append(StartedUpload(upload, started))
            after = self._next(request, answer, "UploadIdMarker", answer.get("NextUploadIdMarker"))
        return sorted(found, key=lambda started: started.upload.key.encode())

    async def presign(
        self, key: str, *, seconds: int, filename: str | None = None, media_type: str | None = None
    ) -> str:
        """See `ObjectStore.presign`. The URL names neither a payer nor an owner of the bucket."""
        request = self._requests.presigned(key, seconds, filename, media_type)
        with self._translated(request):
            return await self._sign(request, seconds)

    async def list_versions(self, prefix: str) -> list[ObjectVersion]:
        """See `ObjectStore.list_versions`."""
        found: list[ObjectVersion] = []
        after: dict[str, str] | None = {}
        while after is not None:
            request = self._requests.list_versions(prefix, after=after)
            answer = await self._ask(request)
            found += self._versions(answer)
            after = self._next(request, answer, "VersionIdMarker", answer.get("NextVersionIdMarker"))
        # Stable: the store's own order, newest first, is kept among the versions of a key, but for delete markers,
        # which the SDK hands over apart. Times have seconds at best, so the current version goes first by its flag.
        found.sort(key=lambda version: (version.is_current, version.modified), reverse=True)
        return sorted(found, key=lambda version: version.key.encode())

    async def delete_version(self, key: str, version: str) -> None:
        """See `ObjectStore.delete_version`."""
        try:
            await self._ask(self._requests.delete_version(key, version))
        except NoSuchKey:
            pass

    def _versions(self, answer: Answer) -> Iterator[ObjectVersion]:
        for entry in answer.get("Versions", ()):
            yield ObjectVersion(
                self._key(entry["Key"]),
                entry["VersionId"],
                is_current=entry["IsLatest"],
                is_delete_marker=False,
                size=entry["Size"],
                modified=entry["LastModified"].astimezone(UTC),
            )
        for marker in answer.get("DeleteMarkers", ()):
            yield ObjectVersion(
                self._key(marker["Key"]),
                marker["VersionId"],
                is_current=marker["IsLatest"],
                is_delete_marker=True,
                size=0,
                modified=marker["LastModified"].astimezone(UTC),
            )

    def _next(self, request: S3Request, answer: Answer, second: str, within: str | None) -> dict[str, str] | None:
        """Return the parameters that go on behind an answer; None behind the last one."""
        if not answer.get("IsTruncated"):
            return None
        key = answer.get("NextKeyMarker")
        after = {"KeyMarker": key, second: within} if key and within else {"KeyMarker": key} if key else {}
        if not after or after.items() <= request.parameters.items():
            raise self._incomplete(request, "place from which to go on")
        return after

    def _key(self, full: str) -> str:
        return full.removeprefix(self._requests.prefix)

    def _incomplete(self, request: S3Request, lacking: str) -> StoreNotCapable:
        message = f"{request.operation.name} of {self._where}{request.key}: no {lacking} in the answer"
        return StoreNotCapable(message)
