"""Requests and bytes of bodies as an S3 server counts them, beside the bare SDK and the session managers of Strands.

Every system keeps the same texts, in turns of four messages: prompt, tool call, tool result, answer. The server is
moto, in this process, behind one lock. Requests that fail (a 404 for a session that is not there yet) count too, as
they are billed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, get_args

import orjson
import zstandard

from s3store import SessionStore
from s3store.streams.draft import Sizes
from tests.servers import MotoServer

from . import strands_peer
from .common import Table, add_corpus, arguments, report, s3_options, sdk_environment
from .content import corpus_sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from s3store.jsontext import JsonValue

Turn: TypeAlias = tuple[str, str, str, str]
"""The texts of one turn: prompt, the tool's input as JSON, the tool's result, answer."""

_URL = "s3://archive"
_SHORTEST, _LONGEST = 40, 4000


class Meter:
    """Counts what a call sends, and puts it into a table."""

    def __init__(self, server: MotoServer, table: Table) -> None:
        self._traffic = server.traffic
        self._table = table

    def row(self, system: str, what: str, call: Callable[[], object]) -> None:
        """Make the call and add a row for it."""
        self._traffic.clear()
        call()
        counts = self._traffic.counts()
        lists = sum("list-type" in seen.target for seen in self._traffic.of("GET"))
        self._table.add(
            system,
            what,
            counts["PUT"] + counts["POST"],
            counts["GET"] - lists,
            lists,
            counts["HEAD"],
            counts["DELETE"],
            self._traffic.bytes_in(),
            self._traffic.bytes_out(),
        )


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    add_corpus(parser)
    parser.add_argument("--turns", type=int, default=10, help="turns of the session that grows (default: 10)")
    parser.add_argument("--large", type=int, default=2000, help="turns of the large session (default: 2000)")
    options = parser.parse_args()
    with MotoServer() as server:
        sdk_environment(server.url)
        for bucket in ("archive", "strands", "bare"):
            server.make_bucket(bucket)
        columns = ("system", "what", "PUT", "GET", "LIST", "HEAD", "DELETE", "bytes up", "bytes down")
        single, growing = (
            Table("One call", columns),
            Table(f"A session of {options.turns} turns of 4 messages", columns),
        )
        turns = list(_turns(options.corpus, max(options.turns, options.large)))
        _archive(Meter(server, single), server.url, turns, options.large)
        _bare_calls(Meter(server, single), turns)
        _growing(Meter(server, growing), server.url, turns[: options.turns])
    report("requests", [single, growing], as_json=options.json)
    if not strands_peer.is_installed() and not options.json:
        print("Without Strands: strands-agents is not installed (extra `bench`).")


def _archive(meter: Meter, url: str, turns: list[Turn], large: int) -> None:
    def new_process() -> SessionStore:
        return SessionStore(_URL, s3=s3_options(url))

    messages = [message for number, turn in enumerate(turns[:10]) for message in _messages(turn, number)]
    system = "s3store"
    with new_process() as store:
        meter.row(system, "first write to a new archive, with its check (once ever)", lambda: store.append("0", "x"))
        meter.row(system, "create", lambda: store.create("a", messages))
        meter.row(system, "append, head known", lambda: store.append("a", messages[0]))
        meter.row(system, "append to a new session", lambda: store.append("b", messages[0]))
        meter.row(system, "save, head known", lambda: store.save("a", messages))
        meter.row(system, "save of a new session", lambda: store.save("c", messages))
        meter.row(system, "metadata alone, head known", lambda: store.update("a", state="idle"))
    with new_process() as store:
        meter.row(system, "append, first call of a process", lambda: store.append("a", messages[0]))
        meter.row(system, "append, head not known", lambda: store.append("b", messages[0]))
        meter.row(system, "save, head not known", lambda: store.save("c", messages[1:]))
    with new_process() as store:
        meter.row(system, "resume (load), first call of a process", lambda: store.load("a"))
        store.append("a", messages[0])
        meter.row(system, "resume, then append: the append", lambda: store.append("a", messages[0]))
        meter.row(system, "delete", lambda: store.delete("a"))
    with new_process() as store:
        for at in range(0, large, 50):
            part = [message for turn in enumerate(turns[at : at + 50], at) for message in _messages(turn[1], turn[0])]
            store.extend("large", part)
        size = store.info("large").size
    with new_process() as store:
        what = f"resume of {4 * large:,} messages, {size // 1024:,} KiB (sealed at {Sizes().seal // 1024} KiB)"
        meter.row(system, what, lambda: store.load("large"))
    with new_process() as store:
        meter.row(system, "the last 20 messages of it", lambda: store.last("large", 20))


def _bare_calls(meter: Meter, turns: list[Turn]) -> None:
    import boto3

    client = boto3.client("s3")
    messages = [message for number, turn in enumerate(turns[:10]) for message in _messages(turn, number)]
    body = _compressed(messages)
    meter.row("bare SDK", "put_object", lambda: client.put_object(Bucket="bare", Key="a", Body=body))
    meter.row("bare SDK", "get_object", lambda: client.get_object(Bucket="bare", Key="a")["Body"].read())


def _growing(meter: Meter, url: str, turns: list[Turn]) -> None:
    each = [list(_messages(turn, number)) for number, turn in enumerate(turns)]
    with SessionStore(_URL, s3=s3_options(url)) as store:
        store.exists("ready")
        store.append("ready", "x")

        def by_turn() -> None:
            for messages in each:
                store.extend("by-turn", messages)

        def by_message() -> None:
            for messages in each:
                for message in messages:
                    store.append("by-message", message)

        meter.row("s3store", "grow, one extend a turn", by_turn)
        meter.row("s3store", "grow, one append a message", by_message)
    with SessionStore(_URL, s3=s3_options(url)) as store:
        meter.row("s3store", "resume", lambda: store.load("by-turn"))
    _bare_growing(meter, each)
    if strands_peer.is_installed():
        for manager in get_args(strands_peer.Manager):
            _strands(meter, url, turns, manager)


def _bare_growing(meter: Meter, each: list[list[JsonValue]]) -> None:
    import boto3

    client = boto3.client("s3")

    def grow() -> None:
        messages: list[JsonValue] = []
        for turn in each:
            messages += turn
            client.put_object(Bucket="bare", Key="growing", Body=_compressed(messages))

    meter.row("bare SDK", "grow, one put_object of all a turn, zstd", grow)
    meter.row("bare SDK", "resume", lambda: client.get_object(Bucket="bare", Key="growing")["Body"].read())


def _strands(meter: Meter, url: str, turns: list[Turn], manager: strands_peer.Manager) -> None:
    session_id = manager.lower().replace(" ", "-")
    system = f"Strands {manager}"

    def grow() -> None:
        run = strands_peer.resume(manager, "strands", session_id, store)
        for turn in turns:
            run(turn)

    with SessionStore(_URL, s3=s3_options(url)) as store:
        store.append("ready", "x")
        meter.row(system, "start, and grow", grow)
    with SessionStore(_URL, s3=s3_options(url), cache=False) as store:
        meter.row(system, "resume", lambda: strands_peer.resume(manager, "strands", session_id, store))


def _compressed(messages: list[JsonValue]) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(b"\n".join(map(orjson.dumps, messages)))


def _messages(turn: Turn, number: int) -> Iterator[JsonValue]:
    """Yield the four messages as Strands and the model's API write them."""
    prompt, given, result, answer = turn
    call = f"call-{number}"
    use = {"toolUse": {"toolUseId": call, "name": "look_up", "input": orjson.loads(given)}}
    returned = {"toolResult": {"toolUseId": call, "status": "success", "content": [{"text": result}]}}
    yield {"role": "user", "content": [{"text": prompt}]}
    yield {"role": "assistant", "content": [use]}
    yield {"role": "user", "content": [returned]}
    yield {"role": "assistant", "content": [{"text": answer}]}


def _turns(corpus: Path, number: int) -> Iterator[Turn]:
    texts = [text for session in corpus_sessions(corpus) for text in _texts(session.messages)]
    for turn in range(number):
        prompt, result, answer = (texts[(3 * turn + place) % len(texts)] for place in range(3))
        yield prompt, orjson.dumps({"question": prompt[:60]}).decode(), result, answer


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        if _SHORTEST <= len(value) <= _LONGEST:
            yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


if __name__ == "__main__":
    main()
