"""Data classes and the JSON that stands for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from s3store import InvalidRecord
from s3store.contracts.wire import NEVER_WRITTEN, OMITTED, OMITTED_IF_EMPTY, REST, Wire, alias


@dataclass(frozen=True)
class Inner(Wire):
    tag: ClassVar[str] = "inner"
    number: int


@dataclass(frozen=True)
class Other(Wire):
    tag: ClassVar[str] = "other"
    text: str


@dataclass(frozen=True, kw_only=True)
class Outer(Wire):
    when: datetime | None = None
    either: str | tuple[Inner | Other, ...] | None = field(default=None, metadata=OMITTED)
    one: Inner | Other | None = field(default=None, metadata=OMITTED)
    names: tuple[str, ...] = field(default=(), metadata=OMITTED_IF_EMPTY | alias("labels"))
    share: float = 0.5
    secret: str | None = field(default=None, metadata=NEVER_WRITTEN)
    free: Any = None
    mapping: Mapping[str, Any] | None = None
    rest: Mapping[str, Any] = field(default_factory=dict, metadata=REST)


NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (Outer(), {"when": None, "share": 0.5, "free": None, "mapping": None}),
        (
            Outer(when=NOON, either="x", one=Other("t"), names=("a",), share=1, free=[{}], mapping={"k": {}}),
            {
                "when": "2026-03-01T12:00:00.000005Z",
                "either": "x",
                "one": {"type": "other", "text": "t"},
                "names": ["a"],
                "share": 1,
                "free": [{}],
                "mapping": {"k": {}},
            },
        ),
        (
            Outer(either=(Inner(1), Other("")), rest={"later": [1], "type": "x"}),
            {
                "when": None,
                "either": [{"type": "inner", "number": 1}, {"type": "other", "text": ""}],
                "share": 0.5,
                "free": None,
                "mapping": None,
                "later": [1],
                "type": "x",
            },
        ),
    ],
)
def test_a_structure_and_its_json_are_the_same(value: Outer, found: dict[str, Any]) -> None:
    assert value.to_json() == found
    assert Outer.from_json(found) == value


def test_what_is_never_written_is_never_read_either() -> None:
    assert "secret" not in Outer(secret="s").to_json()
    assert Outer.from_json({"secret": "s"}) == Outer()


def test_a_field_may_have_another_name_and_its_own_wins() -> None:
    assert Outer.from_json({"labels": ["a"]}) == Outer(names=("a",))
    assert Outer.from_json({"names": ["b"], "labels": ["a"]}) == Outer(names=("b",))


def test_values_may_be_given_as_their_json() -> None:
    made = Outer(when="2026-03-01T13:00:00.000005+01:00", one={"type": "inner", "number": 1}, names=["a"])  # type: ignore[arg-type]
    assert made == Outer(when=NOON, one=Inner(1), names=("a",))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "Outer: an object is wanted, not null"),
        ([], "Outer: an object is wanted, not list"),
        ({"when": "noon, secretly"}, "Outer.when: a time with its zone is wanted, as in RFC 3339"),
        ({"when": "2026-03-01T12:00:00"}, "Outer.when: a time with its zone is wanted, as in RFC 3339"),
        ({"either": 5}, "Outer.either: text is wanted, not int"),
        ({"either": [{"type": "secret"}]}, "Outer.either: an object of one of the types inner, other is wanted"),
        ({"either": [{"type": ["secret"]}]}, "Outer.either: an object of one of the types inner, other is wanted"),
        ({"one": {"type": "inner"}}, "Outer.one: Inner: lacks number"),
        ({"one": {"type": "inner", "number": True}}, "Outer.one: Inner.number: an integer is wanted, not bool"),
        ({"one": {"type": "inner", "number": 1.0}}, "Outer.one: Inner.number: an integer is wanted, not float"),
        ({"names": "secret"}, "Outer.names: an array is wanted, not str"),
        ({"names": [None]}, "Outer.names: text is wanted, not null"),
        ({"share": "secret"}, "Outer.share: a number is wanted, not str"),
        ({"share": None}, "Outer.share: a number is wanted, not null"),
        ({"mapping": []}, "Outer.mapping: an object is wanted, not list"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(wrong: Any, message: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        Outer.from_json(wrong)
    assert str(caught.value) == message


def test_a_tag_must_be_there() -> None:
    with pytest.raises(InvalidRecord, match="Inner: is not of the type inner"):
        Inner.from_json({"number": 1})
