"""How each server that the tests run on differs from S3: every difference is checked, and fails once it is gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3store.objects.capability import (
    CONDITIONAL_DELETE,
    CREATE_OVER_EXISTING,
    CREATE_RACE,
    SWAP_RACE,
    SWAP_WITH_RIGHT_ETAG,
    SWAP_WITH_WRONG_ETAG,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Differences:
    """Of a server on which an archive may be kept."""

    refused_keys: Mapping[str, str] = field(default_factory=dict)
    """See `ObjectStoreTests.refused_keys`."""
    other_answers: Mapping[str, str] = field(default_factory=dict)
    """See `ObjectStoreTests.other_answers`."""
    conditional_delete: bool = True
    """Whether a delete with a condition heeds it."""


_KEY_IS_NO_XML = "its answer NoSuchKey names the key as it is, which is no XML"
_PREFIX_IS_NO_XML = "it answers 500 to a listing whose prefix holds control characters"

DIFFERENCES = {
    "moto": Differences(
        refused_keys={
            "control": _PREFIX_IS_NO_XML,
            "newline": "it has no route for a key with a newline",
            "zero": _PREFIX_IS_NO_XML,
        },
        other_answers={"put-part-or-finish-of-no-upload": "it answers 500, or not at all, where an upload is over"},
    ),
    "ministack": Differences(refused_keys={"control": _KEY_IS_NO_XML, "zero": _KEY_IS_NO_XML}),
    "localstack": Differences(),
    "ceph-20": Differences(),
}
"""By the name of the server. One that is not here is expected to do all as S3 does."""

FAILS = {
    "rclone": frozenset({CREATE_OVER_EXISTING, SWAP_WITH_WRONG_ETAG, CREATE_RACE, SWAP_RACE, CONDITIONAL_DELETE}),
    "ceph-16": frozenset({SWAP_WITH_RIGHT_ETAG, CONDITIONAL_DELETE}),
    "ceph-16-versioned": frozenset({CREATE_OVER_EXISTING, CREATE_RACE}),
    "ceph-20-versioned": frozenset({CREATE_RACE}),
}
"""What the check finds of each server on which no archive may be kept, at the least."""
