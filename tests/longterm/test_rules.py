"""The rules of retention as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from s3store import InvalidOption
from s3store.longterm.policies import Policy, RuleBook, Scope
from s3store.longterm.rules import parse_rules, write_rules

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_rules_read_as_they_are_written() -> None:
    text = "idle 30d -> pack GLACIER_IR; age 365d -> DEEP_ARCHIVE; age 7y -> delete"
    rules = parse_rules(text)
    assert [(rule.since, rule.after.days, rule.action, rule.storage_class) for rule in rules] == [
        ("idle", 30, "pack", "GLACIER_IR"),
        ("age", 365, "pack", "DEEP_ARCHIVE"),
        ("age", 2555, "delete", None),
    ]
    assert parse_rules(write_rules(rules)) == rules
    assert parse_rules("  age 12h->delete ".replace("->", " -> "))[0].after == timedelta(hours=12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at character 1: 'idle' or 'age' is missing"),
        ("old 30d -> delete", "at character 1: 'old' is not 'idle' or 'age'"),
        ("idle 30 -> delete", "at character 6: '30' is not a duration"),
        ("idle 0d -> delete", "'0d' is not a duration of 1h to 100y"),
        ("idle 101y -> delete", "'101y' is not a duration of 1h to 100y"),
        ("idle 30d delete", "at character 10: 'delete' is not '->'"),
        ("idle 30d ->", "at character 12: 'delete', 'pack' or a storage class"),
        ("idle 30d -> pack COLD", "at character 18: 'COLD' is not a storage class"),
        ("idle 30d -> shred", "at character 13: 'shred' is not 'delete'"),
        ("age 1d -> delete now", "at character 18: 'now' is not ';' or the end"),
        ("age 1d -> delete;", "at character 18: 'idle' or 'age' is missing"),
        ("age 1d -> pack; gae 2d -> delete", "at character 17: 'gae'"),
        ("idle 30d -> delete; idle 60d -> pack", "'idle 60d -> pack' contradicts 'idle 30d -> delete'"),
        ("idle 60d -> pack; idle 30d -> delete", "does not wait longer"),
        ("idle 30d -> GLACIER; idle 60d -> STANDARD_IA", "contradicts"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        parse_rules(text)
    assert said in str(refused.value)


def policy(rules: str, *labels: str, agent: str | None = None) -> Policy:
    return Policy(Scope.of(agent, labels), parse_rules(rules), None, AT)


def test_the_narrowest_rules_hold_and_of_equals_those_that_keep_longest() -> None:
    everyone = policy("age 1d -> delete")
    short, long = policy("age 2d -> delete", "a"), policy("age 3d -> delete", "b")
    never = policy("idle 1d -> pack", "c")
    book = RuleBook(1, (), (everyone, short, long, never), ())
    assert book.governing("x", set()) is everyone
    assert book.governing("x", {"a"}) is short
    assert book.governing("x", {"a", "b"}) is long
    assert book.governing("x", {"a", "b", "c"}) is never
    assert RuleBook(1, (), (short,), ()).governing("x", {"b"}) is None
