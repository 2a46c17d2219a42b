"""The options that name the archive, on every command that needs one; and the archive that they name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from ..errors import BucketNotFound, InvalidOption
from ..locations import directory_of
from .settings import CONFIG, SWITCHES, Settings, resolve

if TYPE_CHECKING:
    from ..blocking import SessionStore
    from ..caching import CacheChoice

_GIVEN = "s3store.cli.given"
_HELP = {
    "url": "The archive: s3://bucket/prefix or file:///path.",
    "endpoint_url": "Address of an S3 store that is not AWS.",
    "region": "Region of the bucket.",
    "profile": "Profile of the AWS configuration files.",
    "sse": "Encryption to ask for: AES256 or aws:kms.",
    "kms_key_id": "KMS key, with --sse aws:kms.",
    "storage_class": "Storage class to write to.",
    "request_payer": "Pay for requests to a bucket of somebody else.",
    "cache": "Directory to keep on this machine what was read, or off for none.",
    "cache_size": "The most that it takes there: 500M, 2G.",
    "max_age": "Do not ask the store again for so long: 30 (seconds), 5m.",
    "offline": "Never ask the store: read what is on this machine.",
    "config": "File to read settings from (TOML).",
}


class ArchiveCommand(click.Command):
    """A command that also takes, after its own name, the options that name the archive."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params = [*self.params, *archive_options(hidden=True)]

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say that there are more options than are listed."""
        formatter.write_paragraph()
        formatter.write_text("The options of `s3store --help`, such as --url, may stand here too.")


def archive_options(*, hidden: bool) -> list[click.Parameter]:
    """Return the options that name the archive. They are kept aside, not handed to the command."""
    return [_option(name, help_text, hidden=hidden) for name, help_text in _HELP.items()]


def settings() -> Settings:
    """Return the settings that hold for the command under way. Raises `InvalidOption`."""
    return resolve(click.get_current_context().meta.get(_GIVEN, {}), os.environ)


def open_store(*, to_write: bool = False) -> SessionStore:
    """Open the archive that the settings name; nothing is sent yet.

    Raises `InvalidOption`; and `BucketNotFound` for a directory that is not there, unless it is `to_write`: a mistyped
    path is no empty archive.
    """
    found = settings()
    return _open(found, found.cache(), to_write=to_write)


def open_store_at(url: str, *, to_write: bool = False) -> SessionStore:
    """Open the archive at a URL, which the settings of S3 hold for as well. As `open_store`, but without a cache.

    Raises `InvalidOption` also where the settings say offline.
    """
    found = resolve({**click.get_current_context().meta.get(_GIVEN, {}), "url": url}, os.environ)
    if found.found["offline"].value:
        raise InvalidOption(f"{found.found['offline'].origin}: this has to ask the store")
    return _open(found, False, to_write=to_write)


def _open(found: Settings, cache: CacheChoice, *, to_write: bool) -> SessionStore:
    from ..blocking import SessionStore

    url = found.url()
    if url.startswith("file:") and not to_write and not os.path.isdir(directory_of(url)):
        raise BucketNotFound(f"{url}: there is no such directory; the first write makes one")
    return SessionStore(url, s3=found.s3(), cache=cache)


def workers() -> int:
    """Return how many sessions are worked on side by side: what waits for a network gains from more."""
    return 8 if settings().url().startswith("s3:") else min(4, os.cpu_count() or 1)


def _option(name: str, help_text: str, *, hidden: bool) -> click.Option:
    option = f"--{name.replace('_', '-')}"
    declarations = [option]
    more: dict[str, Any] = {"metavar": name.rpartition("_")[2].upper()}
    if name in SWITCHES:
        declarations, more = [f"{option}/--no-{option[2:]}"], {"default": None}
    elif name == CONFIG:
        more = {"type": click.Path(dir_okay=False), "metavar": "FILE"}
    return click.Option(declarations, help=help_text, hidden=hidden, expose_value=False, callback=_keep, **more)


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    # Kept once for the whole call, so that an option after the command's name wins over one before it.
    if value is not None:
        ctx.meta.setdefault(_GIVEN, {})[param.name] = value
