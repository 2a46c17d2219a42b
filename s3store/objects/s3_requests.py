"""The requests that the archive sends to S3: their parameters, and what each of them needs. Written once.

Both S3 stores send just these. Which client of the SDK a request goes through is part of it: a conditional
write is sent once, since the answer to a second sending would hide the answer to the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..errors import InvalidOption, StoreNotCapable
from .base import (
    MAX_KEY_BYTES,
    check_begin,
    check_finish,
    check_get,
    check_key,
    check_list,
    check_part,
    check_prefix,
    check_presign,
    check_put,
)
from .tiers import check_class, check_restore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .base import Part, Upload
    from .s3_options import S3Options
    from .tiers import Tier

_LONGEST_PREFIX = 512
_DIRECTORY_BUCKET_ENDINGS = ("--x-s3", "--xa-s3")


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request: S3's name for it, the SDK's method, and the rights that it needs."""

    name: str
    method: str
    rights: str
    writes: bool = False
    once: bool = False
    """Whether the SDK must not send it again by itself."""
    presigned: bool = False
    """Whether it is not sent, but signed for somebody else to send."""

    @property
    def client(self) -> tuple[bool, bool]:
        """Tell which of the SDK's clients it goes through: they differ in their settings."""
        return self.once, self.presigned


_OR_LIST = " (and s3:ListBucket, without which S3 refuses a missing key instead of calling it missing)"
GET = Operation("GetObject", "get_object", "s3:GetObject" + _OR_LIST)
HEAD = Operation("HeadObject", "head_object", "s3:GetObject" + _OR_LIST)
SET_CLASS = Operation("CopyObject", "copy_object", "s3:GetObject and s3:PutObject", writes=True)
RESTORE = Operation("RestoreObject", "restore_object", "s3:RestoreObject", writes=True)
PRESIGNED = Operation("GetObject", "get_object", "s3:GetObject", presigned=True)
PUT = Operation("PutObject", "put_object", "s3:PutObject", writes=True)
CREATE = Operation("PutObject", "put_object", "s3:PutObject", writes=True, once=True)
SWAP = Operation(
    "PutObject",
    "put_object",
    "s3:PutObject and, for If-Match, s3:GetObject" + _OR_LIST,
    writes=True,
    once=True,
)
DELETE = Operation("DeleteObject", "delete_object", "s3:DeleteObject", writes=True)
DELETE_IF_MATCH = Operation(
    "DeleteObject",
    "delete_object",
    "s3:DeleteObject and, for If-Match, s3:GetObject" + _OR_LIST,
    writes=True,
    once=True,
)
LIST = Operation("ListObjectsV2", "list_objects_v2", "s3:ListBucket")
BEGIN_UPLOAD = Operation("CreateMultipartUpload", "create_multipart_upload", "s3:PutObject", writes=True)
PUT_PART = Operation("UploadPart", "upload_part", "s3:PutObject", writes=True)
FINISH_UPLOAD = Operation("CompleteMultipartUpload", "complete_multipart_upload", "s3:PutObject", writes=True)
ABORT_UPLOAD = Operation("AbortMultipartUpload", "abort_multipart_upload", "s3:AbortMultipartUpload", writes=True)
LIST_PARTS = Operation("ListParts", "list_parts", "s3:ListMultipartUploadParts")
LIST_UPLOADS = Operation("ListMultipartUploads", "list_multipart_uploads", "s3:ListBucketMultipartUploads")
LIST_VERSIONS = Operation("ListObjectVersions", "list_object_versions", "s3:ListBucketVersions")
DELETE_VERSION = Operation(
    "DeleteObject",
    "delete_object",
    "s3:DeleteObjectVersion, and that no Object Lock and no legal hold keeps the version",
    writes=True,
)
VERSIONING = Operation("GetBucketVersioning", "get_bucket_versioning", "s3:GetBucketVersioning")


@dataclass(frozen=True, slots=True)
class S3Request:
    """One request. `key` is the archive's name for the object (or the prefix of a listing), for messages."""

    operation: Operation
    key: str
    parameters: dict[str, object]


class S3Requests:
    """Makes the requests to one prefix of one bucket. Raises `InvalidOption` for what no store takes."""

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        self.bucket = _checked_bucket(bucket)
        self._pays = options.request_payer
        self.prefix = _checked_prefix(prefix)
        self._bucket: dict[str, object] = {"Bucket": bucket}
        if options.expected_bucket_owner is not None:
            self._bucket["ExpectedBucketOwner"] = options.expected_bucket_owner
        self._anywhere: dict[str, object] = self._bucket | (
            {"RequestPayer": "requester"} if options.request_payer else {}
        )
        self._written = {
            name: value
            for name, value in (
                ("ServerSideEncryption", options.sse),
                ("SSEKMSKeyId", options.kms_key_id),
                ("BucketKeyEnabled", options.bucket_key),
                ("StorageClass", options.storage_class),
            )
            if value is not None
        }

    def get(self, key: str, *, if_none_match: str | None, byte_range: tuple[int, int] | None) -> S3Request:
        """Return the request for an object, or for a part of it that is not empty."""
        check_get(key, byte_range)
        conditions: dict[str, object] = {}
        if if_none_match is not None:
            conditions["IfNoneMatch"] = if_none_match
        if byte_range is not None:
            conditions["Range"] = f"bytes={byte_range[0]}-{byte_range[1] - 1}"
        return self._of_object(GET, key, conditions)

    def head(self, key: str) -> S3Request:
        """Return the request for an object's size and ETag."""
        check_key(key)
        return self._of_object(HEAD, key, {})

    def set_class(self, key: str, storage_class: str) -> S3Request:
        """Return the request that moves an object to another class: a copy onto itself."""
        check_key(key)
        check_class(storage_class)
        source = {"Bucket": self.bucket, "Key": self._full(key)}
        copied: dict[str, object] = {"CopySource": source, **self._written, "StorageClass": storage_class}
        if "ExpectedBucketOwner" in self._bucket:
            copied["ExpectedSourceBucketOwner"] = self._bucket["ExpectedBucketOwner"]
        return self._of_object(SET_CLASS, key, copied)

    def restore(self, key: str, days: int, tier: Tier) -> S3Request:
        """Return the request for a readable copy of an object in an archive class."""
        check_key(key)
        check_restore(days, tier)
        wanted = {"Days": days, "GlacierJobParameters": {"Tier": tier.capitalize()}}
        return self._of_object(RESTORE, key, {"RestoreRequest": wanted})

    def put(self, key: str, body: bytes, *, if_match: str | None, if_absent: bool) -> S3Request:
        """Return the request that stores an object."""
        check_put(key, if_match, if_absent)
        written: dict[str, object] = {"Body": body, **self._written}
        if if_match is not None:
            return self._of_object(SWAP, key, {**written, "IfMatch": if_match})
        if if_absent:
            return self._of_object(CREATE, key, {**written, "IfNoneMatch": "*"})
        return self._of_object(PUT, key, written)

    def delete(self, key: str, *, if_match: str | None) -> S3Request:
        """Return the request that removes an object."""
        check_key(key)
        if if_match is None:
            return self._of_object(DELETE, key, {})
        return self._of_object(DELETE_IF_MATCH, key, {"IfMatch": if_match})

    def list_page(self, prefix: str, *, after: str | None, limit: int) -> S3Request:
        """Return the request for a part of a listing.

        Goes on behind a key and not by a continuation token: a token is the store's own, and may grow stale. It
        starts behind the archive's prefix, since the S3 console makes objects of just that name ("folders").
        """
        check_list(prefix, after, limit)
        parameters = {**self._anywhere, "Prefix": self.prefix + prefix, "MaxKeys": limit}
        behind = self.prefix + (after or "")
        if behind:
            parameters["StartAfter"] = behind
        return S3Request(LIST, prefix, parameters)

    def begin_upload(self, key: str, part_size: int) -> S3Request:
        """Return the request that begins an upload in parts. S3 is not told their size; some stores look at it."""
        check_begin(key, part_size)
        return self._of_object(BEGIN_UPLOAD, key, {**self._written})

    def put_part(self, upload: Upload, number: int, body: bytes) -> S3Request:
        """Return the request that stores one part."""
        check_part(upload, number)
        return self._of_upload(PUT_PART, upload, {"PartNumber": number, "Body": body})

    def parts(self, upload: Upload, *, after: int) -> S3Request:
        """Return the request for the parts that have arrived with a number over `after`; up to 1,000."""
        check_key(upload.key)
        return self._of_upload(LIST_PARTS, upload, {"PartNumberMarker": after} if after else {})

    def finish_upload(self, upload: Upload, parts: Sequence[Part]) -> S3Request:
        """Return the request that makes the object of its parts."""
        check_finish(upload, parts)
        named = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        return self._of_upload(FINISH_UPLOAD, upload, {"MultipartUpload": {"Parts": named}})

    def abort_upload(self, upload: Upload) -> S3Request:
        """Return the request that gives an upload up."""
        check_key(upload.key)
        return self._of_upload(ABORT_UPLOAD, upload, {})

    def list_uploads(self, prefix: str, *, after: dict[str, str]) -> S3Request:
        """Return the request for a part of the unfinished uploads. `after` is empty, or of the answer before."""
        check_prefix(prefix)
        return S3Request(LIST_UPLOADS, prefix, {**self._anywhere, "Prefix": self.prefix + prefix, **after})

    def list_versions(self, prefix: str, *, after: dict[str, str]) -> S3Request:
        """Return the request for a part of all versions. `after` is empty, or of the answer before."""
        check_prefix(prefix)
        return S3Request(LIST_VERSIONS, prefix, {**self._anywhere, "Prefix": self.prefix + prefix, **after})

    def delete_version(self, key: str, version: str) -> S3Request:
        """Return the request that removes one version."""
        check_key(key)
        if not version:
            raise InvalidOption(f"{key!r}: on S3 every version has an id; take it from list_versions")
        return self._of_object(DELETE_VERSION, key, {"VersionId": version})

    def presigned(self, key: str, seconds: int, filename: str | None, media_type: str | None) -> S3Request:
        """Return the request that a presigned URL stands for."""
        check_presign(key, seconds, filename, media_type)
        answers: dict[str, object] = {}
        if filename is not None:
            answers["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
        if media_type is not None:
            answers["ResponseContentType"] = media_type
        if self._pays:
            raise StoreNotCapable("request_payer: a presigned URL cannot say who pays, so the bucket would refuse it")
        # Owner and checksums travel in headers, which whoever uses the URL does not send.
        return S3Request(PRESIGNED, key, {"Bucket": self.bucket, "Key": self._full(key), **answers})

    def versioning(self) -> S3Request:
        """Return the request for the bucket's versioning state."""
        return S3Request(VERSIONING, "", {**self._bucket})

    def _of_upload(self, operation: Operation, upload: Upload, more: dict[str, object]) -> S3Request:
        return self._of_object(operation, upload.key, {"UploadId": upload.id, **more})

    def _of_object(self, operation: Operation, key: str, more: dict[str, object]) -> S3Request:
        return S3Request(operation, key, {**self._anywhere, "Key": self._full(key), **more})

    def _full(self, key: str) -> str:
        full = self.prefix + key
        if len(full.encode()) > MAX_KEY_BYTES:
            message = f"{key[:40]!r}…: the key is over S3's limit of {MAX_KEY_BYTES:,} bytes with the prefix"
            raise InvalidOption(message)
        return full


def _checked_bucket(bucket: str) -> str:
    if not bucket:
        raise InvalidOption("bucket: must not be empty")
    if bucket.endswith(_DIRECTORY_BUCKET_ENDINGS):
        raise InvalidOption(
            "bucket: directory buckets (S3 Express One Zone) do not list in order, which the archive needs"
        )
    return bucket


def _checked_prefix(prefix: str) -> str:
    if not prefix:
        return ""
    parts = prefix.removesuffix("/").split("/")
    if any(part in {"", ".", ".."} for part in parts):
        # HTTP libraries and servers take such parts away from a path, each in its own way.
        raise InvalidOption("prefix: must not start with `/`, and its parts must not be empty, `.` or `..`")
    if any(character < " " or character == "\x7f" for character in prefix):
        raise InvalidOption("prefix: must not hold control characters, which S3's answers in XML cannot name")
    whole = "/".join(parts) + "/"
    try:
        size = len(whole.encode())
    except UnicodeEncodeError:
        raise InvalidOption("prefix: cannot be written as UTF-8") from None
    if size > _LONGEST_PREFIX:
        raise InvalidOption(f"prefix: over {_LONGEST_PREFIX} bytes, too little of a key is left")
    return whole
