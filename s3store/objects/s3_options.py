"""What a user may set about S3. Only checks and keeps the settings; no SDK is loaded here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from ..errors import InvalidOption

if TYPE_CHECKING:
    from urllib.parse import SplitResult

AddressingStyle = Literal["auto", "path", "virtual"]
Encryption = Literal["AES256", "aws:kms"]
Checksums = Literal["when_supported", "when_required"]

_SLOW_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_ACCOUNT_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How to reach a bucket and how to write to it. Everything left at None is as the SDK is configured.

    Raises `InvalidOption`, naming the option, where a value or a combination makes no sense.
    """

    session: object | None = field(default=None, repr=False)
    """Your own `boto3.Session` (blocking) or `aioboto3.Session` (asyncio), with your credentials."""
    client_config: object | None = field(default=None, repr=False)
    """Your own botocore `Config` (or aiobotocore `AioConfig`). What is set here as an option wins over it,
    and `retries` in it is ignored: which requests are sent again is part of the commit protocol."""
    endpoint_url: str | None = None
    """`http://` or `https://` address of a store that is not AWS, without user, query or fragment."""
    region: str | None = None
    """The region of the bucket."""
    profile: str | None = None
    """A profile of the AWS configuration files. Not together with `session`, which has one of its own."""
    addressing_style: AddressingStyle = "auto"
    """Where the bucket's name goes: `path`, `virtual` (the host name), or as the SDK chooses."""
    sse: Encryption | None = None
    """Encryption to ask for at each write. None leaves it to the bucket's default, which AWS always has."""
    kms_key_id: str | None = None
    """The KMS key, with `sse="aws:kms"`. None takes the account's own key for S3."""
    bucket_key: bool | None = None
    """Whether to use an S3 bucket key (fewer KMS calls), with `sse="aws:kms"`."""
    storage_class: str | None = None
    """The class that objects are written to; one that can be read at once."""
    request_payer: bool = False
    """Whether the caller pays, on a bucket whose owner asks for that."""
    expected_bucket_owner: str | None = None
    """The 12 digits of the account that must own the bucket; else every request is refused."""
    checksums: Checksums | None = None
    """`when_required` for stores that reject the SDK's checksum trailers."""
    connect_timeout: float | None = None
    """Seconds to wait for a connection. None: what `client_config` says, else 10."""
    read_timeout: float | None = None
    """Seconds without a byte after which an answer is given up. None: what `client_config` says, else 60."""
    request_timeout: float | None = None
    """Seconds after which a request that is not over is given up, with what the SDK tries again and however the answer
    trickles in; one second more for each 64 KiB of a body. What the SDK waits between two tries, and for a connection,
    may come on top. None: 120."""
    max_connections: int | None = None
    """The most connections that a client keeps. None: what `client_config` says, else 50."""

    def __post_init__(self) -> None:
        self._check_words()
        self._check_session()
        self._check_encryption()
        self._check_endpoint()
        self._check_numbers()

    def _check_words(self) -> None:
        _one_of("addressing_style", self.addressing_style, get_args(AddressingStyle))
        if self.sse is not None:
            _one_of("sse", self.sse, get_args(Encryption))
        if self.checksums is not None:
            _one_of("checksums", self.checksums, get_args(Checksums))
        for name in ("region", "profile", "kms_key_id", "storage_class"):
            if getattr(self, name) == "":
                raise InvalidOption(f"{name}: must not be empty; leave it out for the default")
        if self.storage_class in _SLOW_CLASSES:
            raise InvalidOption(
                f"storage_class: objects in {self.storage_class} cannot be read without a restore, "
                "so no session could be opened again"
            )
        owner = self.expected_bucket_owner
        if owner is not None and not (len(owner) == _ACCOUNT_DIGITS and owner.isascii() and owner.isdigit()):
            raise InvalidOption("expected_bucket_owner: must be the 12 digits of an AWS account")

    def _check_session(self) -> None:
        if self.session is not None and self.profile is not None:
            raise InvalidOption("profile: set it on your session, not beside it")

    def _check_encryption(self) -> None:
        for name in ("kms_key_id", "bucket_key"):
            if getattr(self, name) is not None and self.sse != "aws:kms":
                raise InvalidOption(f'{name}: needs sse="aws:kms"')

    def _check_endpoint(self) -> None:
        if self.endpoint_url is None:
            return
        url = _split(self.endpoint_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise InvalidOption("endpoint_url: must be http://host or https://host, with a port if need be")
        if url.username is not None or url.password is not None:
            # Not echoed: the text holds a secret.
            raise InvalidOption("endpoint_url: must not hold a user or password; use a session for credentials")
        if url.query or url.fragment:
            raise InvalidOption("endpoint_url: must not hold a query or a fragment")

    def _check_numbers(self) -> None:
        for name in ("connect_timeout", "read_timeout", "request_timeout"):
            seconds = getattr(self, name)
            if seconds is not None and not (seconds > 0 and math.isfinite(seconds)):
                raise InvalidOption(f"{name}: must be a number of seconds above 0")
        if self.max_connections is not None and self.max_connections < 1:
            raise InvalidOption("max_connections: must be 1 or more")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidOption(f"{name}: must be one of {', '.join(allowed)}, not {value!r}")


def _split(url: str) -> SplitResult:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a port that is no number is found out when it is asked for
    except ValueError:
        raise InvalidOption("endpoint_url: is not a URL") from None
    return parts
