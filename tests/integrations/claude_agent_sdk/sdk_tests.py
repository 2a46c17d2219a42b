"""Runs the unit tests for session stores of the installed SDK's source distribution, with our store in them.

    .venv-integrations/claude-agent-sdk/bin/python -m tests.integrations.claude_agent_sdk.sdk_tests [a folder]

Fetches the source distribution by pip, unless the folder is given where it has been unpacked. The test files are named
below; those of the SDK's example stores test those stores, not ours.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

FILES = (
    "test_session_helpers_store.py",
    "test_session_import.py",
    "test_session_resume.py",
    "test_session_store_anyio.py",
    "test_session_store_conformance.py",
    "test_session_summary.py",
    "test_transcript_mirror.py",
)
_BUILDER = "hatchling"
"""What pip must have to tell what the source distribution holds."""
_PLUGIN = "tests.integrations.claude_agent_sdk.instead_of_memory"


def fetch(folder: Path) -> Path:
    """Fetch the source distribution of the SDK that is installed, unpack it, and return where it lies."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wanted = f"claude-agent-sdk=={version('claude-agent-sdk')}"
    subprocess.run([*pip, "install", _BUILDER], check=True)
    options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(folder)]
    subprocess.run([*pip, "download", *options, wanted], check=True)
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return next(path.parent for path in folder.glob("*/pyproject.toml"))


def run(sources: Path) -> int:
    """Run the tests by the sources' own settings, but on the SDK that is installed; return pytest's exit code."""
    tests = [str(sources / "tests" / name) for name in FILES]
    options = ["-p", _PLUGIN, "-p", "anyio", "--rootdir", str(sources / "tests"), "-c", "/dev/null", "-q", "-rfE"]
    return subprocess.run([sys.executable, "-m", "pytest", *options, *tests], check=False).returncode


def main() -> int:
    """Run them."""
    if len(sys.argv) > 1:
        return run(Path(sys.argv[1]).absolute())
    with TemporaryDirectory() as folder:
        return run(fetch(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
