"""A large artifact up from a file and down to a file, through the API of artifacts: hashed, checked, resumable.

Through a directory and through S3 (moto in a process of its own), side by side with the SDK's own `upload_file` and
`download_file` with the same parts and as many of them at a time; the directory beside a copy of the file with an
fsync. Each transfer is a process of its own, whose memory at the peak is measured. The file is read twice on its way
up: first for its hash, by which an interrupted upload is found again and what is there already is not sent.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import s3store
from s3store.siblings.upload import IN_FLIGHT, PART

from .common import MIB, Table, arguments, report, s3_options
from .places import BUCKET, moto_with_bucket
from .transfer import copy_down, copy_up, fill, measure, sdk_down, sdk_up

_ID, _NAME = "session", "large"


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, default=2048, metavar="MIB", help="size of the artifact (default: 2,048)")
    parser.add_argument("--place", choices=("directory", "moto"), help="only this one (default: both)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all transfers in turn (default: 3)")
    options = parser.parse_args()
    table = Table(
        f"{options.size:,} MiB in parts of {PART // MIB} MiB, {IN_FLIGHT} at a time",
        ("transfer", "seconds", "MiB/s", "ratio to peer", "peak MiB"),
    )
    with tempfile.TemporaryDirectory() as folder, moto_with_bucket() as moto:
        source, target = Path(folder, "source"), Path(folder, "target")
        fill(source, options.size)
        directory = str(Path(folder, "archive"))
        # The check of the store belongs to no transfer.
        _open(f"s3://{BUCKET}/archive", moto.url).append("any", "message")
        jobs = {
            "directory up": partial(_up, f"file://{directory}", None, source),
            "directory up, copy and fsync": partial(copy_up, directory, source, PART),
            "directory down": partial(_down, f"file://{directory}", None, target),
            "directory down, copy": partial(copy_down, directory, target, PART),
            "moto up": partial(_up, f"s3://{BUCKET}/archive", moto.url, source),
            "moto up, SDK": partial(sdk_up, moto.url, source, PART),
            "moto down": partial(_down, f"s3://{BUCKET}/archive", moto.url, target),
            "moto down, SDK": partial(sdk_down, moto.url, target, PART),
        }
        wanted = {name: job for name, job in jobs.items() if name.startswith(options.place or "")}
        measure(table, wanted, options.size, options.rounds)
    report("artifacts", [table], as_json=options.json)


def _open(location: str, endpoint: str | None) -> s3store.SessionStore:
    return s3store.SessionStore(location, s3=None if endpoint is None else s3_options(endpoint))


def _up(location: str, endpoint: str | None, source: Path) -> None:
    with _open(location, endpoint) as store:
        artifacts = store.artifacts(_ID)
        # What an earlier round has put would not be sent again.
        artifacts.save([])
        artifacts.put(_NAME, source)


def _down(location: str, endpoint: str | None, target: Path) -> None:
    with _open(location, endpoint) as store:
        info = store.artifacts(_ID).get_to(_NAME, target)
    if target.stat().st_size != info.size:
        raise AssertionError("what came down is not what went up")


if __name__ == "__main__":
    main()
