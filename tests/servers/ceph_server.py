"""Ceph's object gateway: a monitor, a storage daemon that keeps all in memory, and the gateway, from a folder's Debian.

A production object store: it checks signatures and really works in parallel. `install/ceph_root` makes the folder. The
daemons listen on 127.0.0.1 alone; each command gets a mount namespace of its own, so nothing stays mounted.
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING, Self

from .processes import answers, end, free_port, start, wait_until

if TYPE_CHECKING:
    from pathlib import Path

_CHROOT = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
_EVERYTHING = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
_START_SECONDS = 120.0

_SETTINGS = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port},v1:127.0.0.1:{old_mon_port}]
mon initial members = a
keyring = {data}/keyring
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
run dir = {data}
admin socket = {data}/$name.asok
crash dir = {data}
log file = {data}/$name.log
auth allow insecure global id reclaim = false
# There is one daemon, so one copy of everything.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
[mon]
mon data = {data}/mon
[osd]
osd data = {data}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
[client]
rgw data = {data}/rgw
# Without it an answer in two packets waits for the client's acknowledgement, 40 ms.
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
"""


class CephServer:
    """Ceph's gateway from the Debian in the folder `root`, with one user. Enter it to start it; only root can."""

    def __init__(self, root: Path, access_key: str, secret_key: str) -> None:
        self.port = 0
        self._root = root
        self._keys = (f"--access-key={access_key}", f"--secret-key={secret_key}")
        self._data = f"/srv/{uuid.uuid4()}"
        self._fsid = str(uuid.uuid4())
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """The address for `endpoint_url`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._configure()
            self._start_monitor()
            self._start_storage()
            self._start_gateway()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        # The gateway first: without its storage it does not end.
        while self._running:
            end(self._running.pop())
        shutil.rmtree(self._inside(), ignore_errors=True)

    def _inside(self, name: str = "") -> Path:
        return self._root / self._data.removeprefix("/") / name

    def _configure(self) -> None:
        for name in ("mon", "osd", "rgw"):
            self._inside(name).mkdir(parents=True, mode=0o700)
        self.port = free_port()
        ports = {"port": self.port, "mon_port": free_port(), "old_mon_port": free_port()}
        settings = _SETTINGS.format(fsid=self._fsid, data=self._data, **ports)
        self._inside("ceph.conf").write_text(settings)
        keyring = f"{self._data}/keyring"
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name in ("client.admin", "osd.0", "client.rgw.a"):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *_EVERYTHING)

    def _start_monitor(self) -> None:
        settings, keyring, map_ = ("-c", self._of("ceph.conf")), self._of("keyring"), self._of("monmap")
        address = self._inside("ceph.conf").read_text().split("mon host = ")[1].split("\n")[0]
        self._run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", address, map_)
        self._run("ceph-mon", *settings, "-i", "a", "--mkfs", "--keyring", keyring, "--monmap", map_)
        self._start("ceph-mon", "-i", "a", "-f")

    def _start_storage(self) -> None:
        identity = str(uuid.uuid4())
        self._run("ceph", "-c", self._of("ceph.conf"), "osd", "new", identity)
        self._run("ceph-osd", "-c", self._of("ceph.conf"), "-i", "0", "--mkfs", "--osd-uuid", identity)
        daemon = self._start("ceph-osd", "-i", "0", "-f")
        wait_until(self._storage_is_up, daemon, _START_SECONDS)

    def _storage_is_up(self) -> bool:
        return " 1 up" in self._run("ceph", "-c", self._of("ceph.conf"), "osd", "stat")

    def _start_gateway(self) -> None:
        admin = ("radosgw-admin", "-c", self._of("ceph.conf"))
        self._run(*admin, "user", "create", "--uid=test", "--display-name=test", *self._keys)
        daemon = self._start("radosgw", "-n", "client.rgw.a", "-f")
        wait_until(lambda: answers(self.port), daemon, _START_SECONDS)

    def _of(self, name: str) -> str:
        return f"{self._data}/{name}"

    def _command(self, *command: str) -> list[str]:
        return ["unshare", "--mount", "sh", "-c", _CHROOT, str(self._root), *command]

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            self._command(*command), capture_output=True, text=True, timeout=_START_SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        process = start(self._command(command[0], "-c", self._of("ceph.conf"), *command[1:]))
        self._running.append(process)
        return process
