"""`s3store retention`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from ..longterm.rules import write_rules
from ..times import format_time
from .archive import ArchiveCommand, archive_options, open_store
from .exits import NOT_FOUND
from .output import json_line, one_line, row, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..jsontext import JsonValue
    from ..longterm.policies import Event, Policy, Scope

F = TypeVar("F", bound="Callable[..., None]")


def _scope(function: F) -> F:
    for option in (
        click.option("--who", help="Who says so; kept in the history."),
        click.option("--label", "labels", multiple=True, help="For sessions with this label; several: with each."),
        click.option("--agent", help="For sessions of this agent."),
    ):
        function = option(function)
    return function


@click.group(
    name="retention",
    short_help="Show and set the rules by which sessions are packed and deleted.",
    params=archive_options(hidden=True),
)
def command() -> None:
    """Show and set the rules by which `s3store maintain` packs and deletes sessions.

    A rule reads `age 7y -> delete` (since it was created) or `idle 30d -> pack` (since its last change); h, d, w and y
    (365 days); several with `;`, such as `idle 30d -> pack GLACIER_IR; age 365d -> DEEP_ARCHIVE`: a pack goes on to the
    colder class once all its sessions are due. What is due to be deleted is planned first, and goes a day later if a
    rule still says so then. Held sessions stay.
    """


@command.command(cls=ArchiveCommand, name="set", short_help="Set the rules for a scope.")
@click.argument("rules")
@_scope
def set_rules(*, rules: str, agent: str | None, labels: tuple[str, ...], who: str | None) -> None:
    """Set the rules for the sessions of an agent, with labels, or for all, in the place of those for just this scope.

    Of the rules for a session those of the narrowest scope hold.
    """
    with open_store() as store:
        changed = store.retention.set(rules, agent=agent, labels=labels, who=who)
    click.echo("set" if changed else "they are so already")


@command.command(cls=ArchiveCommand, name="rm", short_help="Take the rules for a scope away.")
@_scope
def remove(*, agent: str | None, labels: tuple[str, ...], who: str | None) -> None:
    """Take the rules for just this scope away. Ends with 3 if there were none."""
    with open_store() as store:
        if not store.retention.remove(agent=agent, labels=labels, who=who):
            click.echo("s3store: there are no rules for just this scope", err=True)
            raise click.exceptions.Exit(NOT_FOUND)
    click.echo("removed")


@command.command(cls=ArchiveCommand, name="show", short_help="Show the rules.")
@click.option("--history", is_flag=True, help="Show who changed what when, as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(*, history: bool, as_json: bool) -> None:
    """Show the rules, a line for each scope: scope, rules, since when, who."""
    with open_store() as store:
        book = store.retention.rules()
    if as_json:
        said: dict[str, JsonValue] = {"policies": list(map(_json, book.policies))}
        json_line({**said, "history": list(map(_json, book.history))} if history else said)
        return
    for policy in book.policies:
        row(str(policy.scope), write_rules(policy.rules), time_text(policy.at), policy.who or "")
    for event in book.history if history else ():
        row(time_text(event.at), event.who or "", str(event.scope), event.rules or "removed")
    if not book.policies:
        click.echo("there are no rules; nothing is deleted by rule", err=True)


@command.command(cls=ArchiveCommand, name="plan", short_help="Say what the rules would do now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def plan(*, as_json: bool) -> None:
    """Say what the rules would do now, in numbers, and do nothing."""
    with open_store() as store:
        counts = store.retention.plan()
    if as_json:
        json_line(dict(counts))
        return
    for what, number in counts.items():
        click.echo(f"{one_line(what)}: {number:,}")
    if not counts:
        click.echo("no session is due")


def _json(of: Policy | Event) -> dict[str, JsonValue]:
    rules = of.rules if of.rules is None or isinstance(of.rules, str) else write_rules(of.rules)
    scope: Scope = of.scope
    return {"agent": scope.agent, "labels": list(scope.labels), "rules": rules, "who": of.who, "at": format_time(of.at)}
