"""One target under atheris: `python -m tests.fuzz.with_atheris TARGET [options of libFuzzer]`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["s3store"]):
    from tests.fuzz.decoders import give


def main() -> None:
    """Fuzz until libFuzzer has enough."""
    target = sys.argv.pop(1)
    atheris.Setup(sys.argv, lambda data: give(target, data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
