"""How long a fresh process takes to import s3store and to print the help of its command; medians.

The modules are compiled beforehand, as those of an installed package are.

Targets: `import s3store` under 60 ms with no SDK loaded, `s3store --help` under 250 ms, the interpreter included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial

from .common import Table, arguments, interleaved, milliseconds, report

_SDKS = ("boto3", "botocore", "aioboto3", "aiobotocore", "pyarrow", "rich", "click", "strands")
_JOBS = {
    "interpreter alone": "pass",
    "import s3store": "import s3store",
    "import boto3, for comparison": "import boto3",
    "s3store --help": "import sys; sys.argv = ['s3store', '--help']; from s3store.cli import main; main()",
}


def main() -> None:
    """Run the benchmark."""
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="fresh processes of each kind (default: 25)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as compiled:
        jobs = {name: partial(_run, code, compiled) for name, code in _JOBS.items()}
        taken = interleaved(jobs, options.rounds)
        modules = _run("import s3store, sys; print(*sys.modules)", compiled).split()
    bare = milliseconds(taken["interpreter alone"])
    table = Table("Start-up", ("process", "ms", "above the interpreter"))
    for name, seconds in taken.items():
        table.add(name, milliseconds(seconds), milliseconds(seconds) - bare)
    loaded = Table("Loaded by `import s3store`", ("modules", "of s3store", "third-party packages"))
    found = {name.partition(".")[0] for name in modules}
    ours = sum(name.partition(".")[0] == "s3store" for name in modules)
    loaded.add(len(modules), ours, ", ".join(sorted(found & {*_SDKS, "orjson", "zstandard"})))
    report("startup", [table, loaded], as_json=options.json)


def _run(code: str, compiled: str) -> str:
    environ = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout


if __name__ == "__main__":
    main()
