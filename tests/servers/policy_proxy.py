"""A proxy before an S3 server that grants some rights and no others, as a bucket's policy does.

It knows which of IAM's actions S3 asks for at each request, and nothing of the archive: so it tells which rights a call
uses, and what becomes of it without one of them.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from .fault_proxy import FaultProxy, answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .http_server import Reply, Request

_BUCKET_READS = {
    "list-type": "s3:ListBucket",
    "uploads": "s3:ListBucketMultipartUploads",
    "versions": "s3:ListBucketVersions",
    "versioning": "s3:GetBucketVersioning",
    "uploadId": "s3:ListMultipartUploadParts",
}
_DELETES = {"uploadId": "s3:AbortMultipartUpload", "versionId": "s3:DeleteObjectVersion"}
_LIST = "s3:ListBucket"


def rights_of(request: Request) -> frozenset[str]:
    """Return the actions that S3 wants to be allowed before it does what is asked."""
    query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
    condition = frozenset({"s3:GetObject"} if "if-match" in request.headers else ())
    match request.method:
        case "GET" | "HEAD":
            return frozenset({_first(query, _BUCKET_READS, "s3:GetObject")})
        case "POST" if "restore" in query:
            return frozenset({"s3:RestoreObject"})
        case "PUT" if "x-amz-copy-source" in request.headers:
            return frozenset({"s3:GetObject", "s3:PutObject"})
        case "PUT" | "POST":
            return condition | {"s3:PutObject"}
        case "DELETE":
            return condition | {_first(query, _DELETES, "s3:DeleteObject")}
    raise AssertionError(f"the archive sends no {request.method}")


def _first(query: dict[str, list[str]], actions: dict[str, str], otherwise: str) -> str:
    return next((action for name, action in actions.items() if name in query), otherwise)


class PolicyProxy(FaultProxy):
    """Passes on what is granted, and refuses the rest. `used` holds the rights that requests have asked for so far.

    Who may not list a bucket is not told that an object is missing: then too, 403 is the answer.
    """

    def __init__(self, server_port: int) -> None:
        super().__init__(server_port)
        self.used: set[str] = set()
        self._denied: frozenset[str] = frozenset()

    def deny(self, rights: Iterable[str] = ()) -> None:
        """Grant all rights but these from now on, and forget which were used."""
        self._denied = frozenset(rights)
        self.used = set()

    def _answer(self, request: Request) -> Reply:
        needed = rights_of(request)
        self.used |= needed
        if needed & self._denied:
            return _refused()
        reply = super()._answer(request)
        if reply.status == http.client.NOT_FOUND:
            self.used.add(_LIST)
            if _LIST in self._denied:
                return _refused()
        return reply


def _refused() -> Reply:
    reply = answer(http.client.FORBIDDEN, "AccessDenied").reply
    assert reply is not None
    return reply
