"""The servers that the tests of real servers run on: what each needs to be installed, and how it is started.

Installations are kept in the folder that `install_folder` is given: an environment for LocalStack, a small Debian for
each version of Ceph. ministack and rclone come with `requirements.txt`, into the environment that this runs in.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .ceph_server import CephServer
from .endpoint import Endpoint
from .localstack_server import LocalstackServer
from .ministack_server import MinistackServer
from .moto_server import MotoServer
from .rclone_server import RcloneServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_INSTALL = Path(__file__).parent / "install"
_ACCESS_KEY, _SECRET_KEY = "test", "testtest"


class NotHereError(Exception):
    """A server cannot be had on this machine; the text says why."""


class _Started(Protocol):
    @property
    def url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Lane:
    """A server. `make` installs it below a folder where need be, and raises `NotHereError` where that cannot be."""

    name: str
    make: Callable[[Path, Path], AbstractContextManager[_Started]]
    fit: bool = True
    """Whether an archive may be kept there; of one that is not, the check has to find that out."""
    versioned: bool = False

    @contextmanager
    def started(self, installed: Path) -> Iterator[Endpoint]:
        """Start the server, with a bucket. What it stores is gone afterwards."""
        with tempfile.TemporaryDirectory() as folder, self.make(installed, Path(folder)) as server:
            endpoint = Endpoint(self.name, server.url, "s3store-tests", _ACCESS_KEY, _SECRET_KEY)
            endpoint.make_bucket(versioned=self.versioned)
            yield endpoint


def _moto(installed: Path, folder: Path) -> MotoServer:
    return MotoServer()


def _ministack(installed: Path, folder: Path) -> MinistackServer:
    if MinistackServer.command() is None:
        raise NotHereError("the command ministack is not there, and S3STORE_TEST_MINISTACK names none")
    return MinistackServer()


def _localstack(installed: Path, folder: Path) -> LocalstackServer:
    venv = installed / "localstack"
    complete = venv / ".complete"
    if not complete.exists():
        python = shutil.which("python3.13")
        if python is None:
            raise NotHereError("it needs Python 3.13, and there is no python3.13")
        shutil.rmtree(venv, ignore_errors=True)
        _install(python, "-m", "venv", str(venv))
        pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check")
        _install(*pip, "-r", str(_INSTALL / "localstack.txt"))
        complete.touch()
    return LocalstackServer(venv, folder)


def _ceph(suite: str, installed: Path, folder: Path) -> CephServer:
    root = installed / f"ceph-{suite}"
    _install(str(_INSTALL / "ceph_root"), str(root), suite)
    return CephServer(root, _ACCESS_KEY, _SECRET_KEY)


def _rclone(installed: Path, folder: Path) -> RcloneServer:
    beside = MinistackServer.command()
    found = shutil.which("rclone", path=str(Path(beside or sys.executable).parent)) or shutil.which("rclone")
    if found is None:
        raise NotHereError("the command rclone is not there")
    return RcloneServer(Path(found), folder, _ACCESS_KEY, _SECRET_KEY)


def _install(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise NotHereError(f"{command[0]} ended with {done.returncode}: {done.stdout[-1000:].strip()}")


def _ceph_20(installed: Path, folder: Path) -> CephServer:
    return _ceph("forky", installed, folder)


def _ceph_16(installed: Path, folder: Path) -> CephServer:
    return _ceph("bookworm", installed, folder)


LANES = {
    lane.name: lane
    for lane in (
        Lane("moto", _moto),
        Lane("ministack", _ministack),
        Lane("ceph-20", _ceph_20),
        Lane("localstack", _localstack, fit=False),
        Lane("rclone", _rclone, fit=False),
        Lane("ceph-16", _ceph_16, fit=False),
        Lane("ceph-16-versioned", _ceph_16, fit=False, versioned=True),
        Lane("ceph-20-versioned", _ceph_20, fit=False, versioned=True),
    )
}
"""Every server by name, those on which an archive may be kept first."""
