"""IAM's policies as Terraform's templates hold them, and what they allow: as much of IAM as these need, and no more."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TERRAFORM = Path(__file__).parents[2] / "terraform"
BUCKET = "arn:aws:s3:::bucket"
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Ask:
    """One right that a request asks for."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def rendered(name: str, **values: str) -> dict[str, Any]:
    """Return a policy of the module as it is for a bucket `bucket` with the prefix `agents/`."""
    known = {"bucket_arn": BUCKET, "prefix": "agents/"} | values
    text = (TERRAFORM / "policies" / f"{name}.json.tftpl").read_text()
    found: dict[str, Any] = json.loads(_VARIABLE.sub(lambda match: known[match[1]], text))
    return found


def allows(policies: Iterable[Mapping[str, Any]], ask: Ask) -> bool:
    """Tell whether some statement allows it and none denies it."""
    effects = [
        statement["Effect"]
        for policy in policies
        for statement in policy["Statement"]
        if _covers(statement, ask) and _holds(statement.get("Condition", {}), ask.context)
    ]
    assert set(effects) <= {"Allow", "Deny"}
    return "Allow" in effects and "Deny" not in effects


def actions_of(policy: Mapping[str, Any]) -> set[str]:
    """Return all actions that a policy names."""
    return {action for statement in policy["Statement"] for action in _several(statement["Action"])}


def _covers(statement: Mapping[str, Any], ask: Ask) -> bool:
    assert statement.keys() <= {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    assert statement.get("Principal", "*") == "*"
    return _one_matches(statement["Action"], ask.action) and _one_matches(statement["Resource"], ask.resource)


def _one_matches(patterns: str | list[str], text: str) -> bool:
    return any(re.match(translate(pattern), text) for pattern in _several(patterns))


def _several(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found


def _holds(conditions: Mapping[str, Mapping[str, str]], context: Mapping[str, str]) -> bool:
    """Tell whether all conditions hold. A key that a request lacks makes all fail but `Null`."""
    return all(
        _test(operator, wanted, context.get(key))
        for operator, pairs in conditions.items()
        for key, wanted in pairs.items()
    )


def _test(operator: str, wanted: str, found: str | None) -> bool:
    match operator:
        case "Null":
            return (found is None) == (wanted == "true")
        case "Bool" | "StringEquals":
            return found == wanted
        case "NumericLessThan":
            return found is not None and float(found) < float(wanted)
    raise AssertionError(f"the evaluator does not know {operator}")
