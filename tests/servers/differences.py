"""How each server that the tests run on differs from S3: every difference is checked, and fails once it is gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3store.objects.capability import (
    CONDITIONAL_DELETE,
    CREATE_OVER_EXISTING,
    CREATE_RACE,
    LIST_IN_ORDER,
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
    has_classes: bool = True
    """See `ObjectStoreTests.has_classes`."""


_KEY_IS_NO_XML = "its answer NoSuchKey names the key as it is, which is no XML"
_PREFIX_IS_NO_XML = "it answers 500 to a listing whose prefix holds control characters"
_NOTHING_TO_DELETE = "a conditional delete of what is not there succeeds, so each of several that race may succeed"

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
    "ceph-20": Differences(
        has_classes=False,  # but for such as its administrator makes, and the server that is started here has none
        refused_keys={"control": _PREFIX_IS_NO_XML, "zero": "it answers 400 to a key with a zero byte"},
        other_answers={
            "delete-foreign-etag-absent": _NOTHING_TO_DELETE,
            "delete-current-etag-deleted": _NOTHING_TO_DELETE,
            "test_of_racing_deleters_one_wins": _NOTHING_TO_DELETE,
            "test_an_upload_that_was_given_up_is_gone": "it answers 500 to the finish of an upload that was given up",
            "test_parts_that_are_left_out_are_no_part_of_the_object": "it wants all parts that came, or answers "
            "InvalidPart",
        },
    ),
}
"""By the name of the server. One that is not here is expected to do all as S3 does."""

FAILS = {
    # It compares where a listing goes on with its keys as they are in URLs, of which `é` comes before `a`.
    "localstack": frozenset({LIST_IN_ORDER, CONDITIONAL_DELETE}),
    "rclone": frozenset({CREATE_OVER_EXISTING, SWAP_WITH_WRONG_ETAG, CREATE_RACE, SWAP_RACE, CONDITIONAL_DELETE}),
    "ceph-16": frozenset({SWAP_WITH_RIGHT_ETAG, CONDITIONAL_DELETE}),
    "ceph-16-versioned": frozenset({CREATE_OVER_EXISTING, CREATE_RACE}),
    "ceph-20-versioned": frozenset({CREATE_RACE}),
}
"""What the check finds of each server on which no archive may be kept, at the least."""
