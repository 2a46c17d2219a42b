"""Every key of the archive is made here, and nowhere else.

A session id is any text at all, so it never reaches a key as it is: it is percent-encoded, which is reversible
and keeps what is readable readable. `~` is never left bare by the encoding, so it marks the two forms that an
encoding cannot give: the empty id is `~`, and an id too long for a file name is `~` and its SHA-256. The head
of a stream holds the true id.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .errors import InvalidSessionId

RETENTION = "retention/rules.json"
"""The rules of retention, and who set them when."""
RETENTION_PLANS = "retention/plans/"
"""The prefix of the plans: each names sessions that are to be deleted by a rule, once it has stood for long enough."""
ERASURES = "retention/erasures/"
"""The prefix of the marks of erasures: each names sessions that are being erased, until nothing is left of them."""
ERASED = "retention/erased/"
"""The prefix of what was erased: each names sessions whose packs are to be looked at once more, when it is older."""
MAINTENANCE = "retention/progress.json"
"""How far the last pass of maintenance has come, where its budget ran out."""
ARCHIVE = "archive.json"
"""The archive's own record: format, id, and what the store can do."""
SESSIONS = "sessions/"
"""The prefix of everything that belongs to a session."""
CHECKS = "check/"
"""The prefix under which the capability check works; everything there may be deleted."""
INDEX = "index/"
"""The prefix of the whole index."""
INDEX_LOG = "index/log/"
"""The prefix of the index's log: what changed since the pages were written, one empty object each."""
INDEX_PAGES = "index/pages/"
"""The prefix of the index's pages."""
MANIFEST = "index/manifest.json"
"""Names the pages of the index."""
TRANSCRIPT = "transcript"
"""The name of the stream that makes a session: its transcript."""
TRACES = "traces"
RUNS = "runs"
VERIFICATION = "verification"
ARTIFACTS = "artifacts"
SIBLINGS = (ARTIFACTS, TRACES, RUNS, VERIFICATION)
"""The names of the streams that are saved and loaded with a transcript."""
INBOX = "inbox"
"""The name of the stream of messages that were sent to a session."""
MAIL = "mail/"
"""The prefix of the bells: each says that something may wait in a session's inbox."""
PACKS = "cold/"
"""The prefix of the packs."""
PACK_RECORDS = "cold/records/"
"""The prefix of the records of the packs: how each of them stands."""

_LONGEST_ENCODED_ID = 200
_SUFFIX = ".jsonl.zst"
_LONGEST_PART = 200
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
# Small hex digits: a directory archive has to escape capitals, for file systems that fold case.
_ENCODED = tuple(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in range(256))
_ESCAPE = re.compile(rb"%([0-9a-f]{2})")
_BODY_NAME = re.compile(r"([0-9a-f]{64}-)?[0-9a-z]{26}")
_SESSION_PART = re.compile(rf"[0-9a-f]{{2}}/(?!\.{{1,2}}$)[A-Za-z0-9._~%-]{{1,{_LONGEST_ENCODED_ID}}}")
_BELL = re.compile(rf"(?:^|/)(?P<bell>{MAIL}(?P<part>[0-9a-f]{{2}}/[^/]+)/[0-9a-z]{{26}})$")
_HEAD_KEY = re.compile(r"sessions/[0-9a-f]{2}/([^/]+)/([a-z]+)\.jsonl\.zst")
_PACK_NAME = re.compile(r"(?!records/)[a-z][a-z0-9_]{0,39}/[0-9]{4}/[0-9]{2}/[0-9a-z]{26}")
_PACK_SUFFIX = ".parquet"
_RECORD_SUFFIX = ".json"
_STORED = (
    ("head", re.compile(r"([a-z]+)\.jsonl\.zst")),
    ("segment", re.compile(r"([a-z]+)/[0-9]{10,20}-[0-9a-z]{26}\.jsonl\.zst")),
    ("body", re.compile(r"(artifacts)/(?:[0-9a-f]{64}-)?[0-9a-z]{26}")),
)


def encode_id(session_id: str) -> str:
    """Return the session id as one part of a key: reversible unless too long, never empty, `.` or `..`.

    Raises `InvalidSessionId` if the id is not text, or holds a lone surrogate.
    """
    raw = _utf8(session_id)
    if not raw:
        return "~"
    encoded = "".join([_ENCODED[byte] for byte in raw])
    if encoded in {".", ".."}:
        return encoded.replace(".", "%2e")
    if len(encoded) > _LONGEST_ENCODED_ID:
        return "~" + hashlib.sha256(raw).hexdigest()
    return encoded


def decode_id(encoded: str) -> str | None:
    """Return the id that `encode_id` made this from; None where only the head can tell (a hashed id)."""
    if encoded == "~":
        return ""
    if encoded.startswith("~"):
        return None
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), encoded.encode()).decode()


def session_prefix(session_id: str) -> str:
    """Return the prefix of everything that belongs to a session, with a slash at its end."""
    spread = hashlib.sha256(_utf8(session_id)).hexdigest()[:2]
    return f"{SESSIONS}{spread}/{encode_id(session_id)}/"


@dataclass(frozen=True)
class StreamKeys:
    """The keys of one stream of one session."""

    session_id: str
    stream: str
    head: str
    segments: str

    @classmethod
    def of(cls, session_id: str, stream: str) -> StreamKeys:
        """Return the keys of the stream called `stream` (a name of this package's own) of a session."""
        base = session_prefix(session_id) + stream
        return cls(session_id, stream, head=base + _SUFFIX, segments=base + "/")

    def segment(self, name: str) -> str:
        """Return the key of the segment that a head names `name`."""
        return f"{self.segments}{name}{_SUFFIX}"

    def body(self, name: str) -> str:
        """Return the key of the body of an artifact that a record names `name`."""
        return self.segments + name

    def bodies_of(self, sha256: str) -> str:
        """Return what the keys of all bodies of this content start with."""
        return f"{self.segments}{sha256}-"


def segment_name(first: int, ulid: str) -> str:
    """Return a segment's name: the sequence number of its first record, which sorts, and a ULID."""
    return f"{first:010d}-{ulid}"


def body_name(ulid: str, sha256: str | None) -> str:
    """Return a body's name: its SHA-256, in hex, where that is known before it is uploaded, and a ULID."""
    return ulid if sha256 is None else f"{sha256}-{ulid}"


def is_body_name(name: object) -> bool:
    """Tell whether `body_name` may have made this: never a path, so a record cannot point outside its session."""
    return isinstance(name, str) and _BODY_NAME.fullmatch(name) is not None


def session_part(session_id: str) -> str:
    """Return what tells a session's keys from those of others, also for an id that is too long for a key."""
    return session_prefix(session_id)[len(SESSIONS) : -1]


def is_session_part(part: object) -> bool:
    """Tell whether `session_part` may have made this: it leads to one session's keys, and to nothing else."""
    return isinstance(part, str) and _SESSION_PART.fullmatch(part) is not None


def head_of_part(part: str) -> str:
    """Return the key of the transcript's head of the session that `session_part` named so."""
    return f"{SESSIONS}{part}/{TRANSCRIPT}{_SUFFIX}"


def transcript_head(session_id: str) -> str:
    """Return the key of the head of a session's transcript."""
    return head_of_part(session_part(session_id))


def bell_key(session_id: str, ulid: str) -> str:
    """Return the key of a bell of a session."""
    return bells_of(session_id) + ulid


def bells_of(session_id: str) -> str:
    """Return the prefix of the bells of a session."""
    return f"{MAIL}{session_part(session_id)}/"


def bell_of_object(object_key: str) -> str | None:
    """Return the key of a bell, within the archive, from that of its object in a bucket; None if it is no bell."""
    match = _BELL.search(object_key)
    return None if match is None or not is_session_part(match["part"]) else match["bell"]


def part_of_bell(key: str) -> str:
    """Return the `session_part` of the session that a bell was rung for."""
    return key[len(MAIL) :].rpartition("/")[0]


def spreads() -> list[str]:
    """Return the 256 prefixes that all sessions are spread over, for listings side by side."""
    return [f"{SESSIONS}{number:02x}/" for number in range(256)]


def log_key(ulid: str, entry: str) -> str:
    """Return the key of an entry in the index's log. It sorts by its ULID, and the entry itself rides in it."""
    text = f"{ulid}-{entry}"
    return INDEX_LOG + "/".join(text[at : at + _LONGEST_PART] for at in range(0, len(text), _LONGEST_PART))


def entry_of_log_key(key: str) -> str:
    """Return the entry that rides in a key of the log; empty where there is none."""
    return key[len(INDEX_LOG) :].replace("/", "").partition("-")[2]


def page_key(name: str) -> str:
    """Return the key of the page that a manifest names `name`."""
    return f"{INDEX_PAGES}{name}{_SUFFIX}"


def pack_name(storage_class: str, month: str, ulid: str) -> str:
    """Return the name of a pack: the class that it is for in small letters, year and month as `2026/11`, a ULID."""
    return f"{storage_class.lower()}/{month}/{ulid}"


def pack_class(name: str) -> str:
    """Return S3's name of the storage class that a pack is for, which its own name begins with."""
    return name.partition("/")[0].upper()


def is_pack_name(name: object) -> bool:
    """Tell whether `pack_name` may have made this: it leads to a pack, and to nothing else."""
    return isinstance(name, str) and _PACK_NAME.fullmatch(name) is not None


def pack_key(name: str) -> str:
    """Return the key of the pack that a head names `name`."""
    return f"{PACKS}{name}{_PACK_SUFFIX}"


def pack_of_key(key: str) -> str | None:
    """Return the name of the pack under a listed key; None if there is none."""
    name = key.removeprefix(PACKS).removesuffix(_PACK_SUFFIX)
    return name if is_pack_name(name) and key == pack_key(name) else None


def pack_record(name: str) -> str:
    """Return the key of the record of the pack that is named so."""
    return f"{PACK_RECORDS}{name.rpartition('/')[2]}{_RECORD_SUFFIX}"


StoredKind = Literal["head", "segment", "body", "other"]
"""What an object under a session's prefix is."""


class StoredKey(NamedTuple):
    """What a key under `SESSIONS` says of its object."""

    part: str
    """What tells the keys of its session from those of others, as `session_part` returns it."""
    stream: str
    """The stream that it belongs to; empty if none."""
    kind: StoredKind


def stored_key(key: str) -> StoredKey:
    """Take a listed key under `SESSIONS` apart."""
    spread, _, rest = key[len(SESSIONS) :].partition("/")
    encoded, _, name = rest.partition("/")
    for kind, pattern in _STORED:
        if match := pattern.fullmatch(name):
            return StoredKey(f"{spread}/{encoded}", match[1], kind)  # type: ignore[arg-type]
    return StoredKey(f"{spread}/{encoded}", "", "other")


def id_of_part(part: str) -> str | None:
    """Return the id of the session that `session_part` named so; None where only a head can tell."""
    try:
        session_id = decode_id(part.partition("/")[2])
    except ValueError:
        return None
    return session_id if session_id is not None and session_part(session_id) == part else None


def is_transcript_head(key: str) -> bool:
    """Tell whether a listed key is the head of a transcript."""
    match = _HEAD_KEY.fullmatch(key)
    return match is not None and match[2] == TRANSCRIPT


_LASTING = re.compile(
    r"sessions/[0-9a-f]{2}/[^/]+/(?:[a-z]+/[0-9]{10,20}-[0-9a-z]+\.jsonl\.zst|artifacts/[0-9a-f]{64}-[0-9a-z]+)"
    r"|index/pages/[0-9a-z]+\.jsonl\.zst"
)


def never_changes(key: str) -> bool:
    """Tell whether what is stored under a key stays as it is until it is deleted: segments, artifact bodies, pages."""
    return _LASTING.fullmatch(key) is not None


def is_replaced(key: str) -> bool:
    """Tell whether what is stored under a key is replaced as a whole: heads, the manifest, the archive's record."""
    return key in {MANIFEST, ARCHIVE} or _HEAD_KEY.fullmatch(key) is not None


def _utf8(session_id: str) -> bytes:
    if not isinstance(session_id, str):
        raise InvalidSessionId(f"a session id is text, not {type(session_id).__name__}")
    try:
        return session_id.encode()
    except UnicodeEncodeError:
        raise InvalidSessionId("a session id must not hold a lone surrogate (it cannot be written as UTF-8)") from None
