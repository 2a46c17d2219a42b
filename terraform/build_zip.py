"""Build the zip of a function: s3store, the packages that it needs there, and your handler.

The same input gives the same bytes.

    python terraform/build_zip.py build/s3store-maintenance.zip
    python terraform/build_zip.py build/s3store-agent.zip examples/serverless_agent.py

Lambda's runtime brings boto3, so that is left out unless `--with-boto3` asks for a version of one's own. What only the
command line, the integrations and tests need is left out too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
HANDLER = "s3store_maintenance.py"
"""The module that Terraform names as the handler of the maintenance function."""
MAINTENANCE = "from s3store.serverless import maintenance_handler\n\nhandler = maintenance_handler()\n"
LEFT_OUT = (
    "bin/",
    "s3store/cli/",
    "s3store/importers/",
    "s3store/integrations/",
    "s3store/testing/",
    # zstandard's other backend, for PyPy: as large as all the rest.
    "zstandard/_cffi",
    "zstandard/backend_cffi",
)
NEEDED = ("diskcache", "orjson", "xxhash", "zstandard")
"""What of the dependencies a function imports, boto3 aside."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the first that a zip can tell."""


def main() -> None:
    """Build the zip, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zip", type=Path, help="where the zip is to be")
    parser.add_argument("files", type=Path, nargs="*", help="modules and folders of your own, put at its top")
    parser.add_argument("--with-boto3", action="store_true", help="bring boto3 instead of using the runtime's")
    parser.add_argument("--python", default="3.13", help="version of Python in the function (default: 3.13)")
    parser.add_argument("--architecture", choices=("x86_64", "aarch64"), default="x86_64")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        _install(top, options.python, options.architecture, with_boto3=options.with_boto3)
        (top / HANDLER).write_text(MAINTENANCE)
        _pack(options.zip, _entries(top) | _own(options.files))
    packed = options.zip.stat().st_size
    with zipfile.ZipFile(options.zip) as made:
        whole = sum(entry.file_size for entry in made.infolist())
    print(f"{options.zip}: {packed:,} bytes, {whole:,} unpacked")


def _install(top: Path, python: str, architecture: str, *, with_boto3: bool) -> None:
    """Install the wheels for the function's platform, and s3store without what it does not need there."""
    wanted = [line for line in _dependencies() if line.startswith(NEEDED) or (with_boto3 and line.startswith("boto3"))]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(top)]
    platform = ["--only-binary=:all:", f"--python-version={python}", "--implementation=cp"]
    platform += [f"--platform=manylinux{form}_{architecture}" for form in ("_2_28", "_2_17", "2014")]
    subprocess.run([*pip, "--no-compile", *platform, *wanted], check=True)
    subprocess.run([*pip, "--no-compile", "--no-deps", "--upgrade", str(PROJECT)], check=True)


def _dependencies() -> list[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return list(project["dependencies"])


def _entries(top: Path) -> dict[str, bytes]:
    """Return the files that are packed, by their names in the zip."""
    files = ((path.relative_to(top).as_posix(), path) for path in top.rglob("*") if path.is_file())
    return {name: path.read_bytes() for name, path in files if _is_needed(name)}


def _is_needed(name: str) -> bool:
    # A package's own metadata is of no use in a function, and pip writes there where it was installed from.
    return not name.startswith(LEFT_OUT) and ".dist-info/" not in name and "__pycache__/" not in name


def _own(given: list[Path]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in given:
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        found |= {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in files}
    return {name: body for name, body in found.items() if _is_needed(name)}


def _pack(path: Path, entries: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name in sorted(entries):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            made.writestr(entry, entries[name])


if __name__ == "__main__":
    main()
