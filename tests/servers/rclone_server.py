"""rclone's `serve s3`, which answers every conditional write with success: an adversary, that must be found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .processes import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class RcloneServer(ServerProcess):
    """rclone's S3 server over the folder `folder`, by the command `rclone`."""

    def __init__(self, rclone: Path, folder: Path, access_key: str, secret_key: str) -> None:
        super().__init__()
        self._rclone = rclone
        self._folder = folder
        self._keys = f"{access_key},{secret_key}"

    def _command(self) -> Sequence[str | Path]:
        address = f"127.0.0.1:{self.port}"
        return [self._rclone, "serve", "s3", "--config", "", "--addr", address, "--auth-key", self._keys, self._folder]
