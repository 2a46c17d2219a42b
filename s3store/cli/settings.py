"""Where the archive is and how to reach it: from options, from the environment, from a file, in this order.

Credentials are no settings of s3store: the SDK finds them as it always does.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..objects.s3_options import S3Options

Value: TypeAlias = str | bool

TEXTS = ("url", "endpoint_url", "region", "profile", "sse", "kms_key_id", "storage_class")
"""The settings that are texts."""
SWITCHES = ("request_payer",)
"""The settings that are on or off."""
CONFIG = "config"
"""The option, and with `S3STORE_` before it the variable, that names the file."""

_PREFIX = "S3STORE_"
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})
_NO_URL = (
    "no archive is named; give --url s3://bucket/prefix (or file:///path), set S3STORE_URL, "
    'or write url = "…" into {path}'
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its value, and where that came from."""

    name: str
    value: Value | None
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, by name."""

    found: Mapping[str, Setting]
    config: Path
    """The file that was looked for, whether it is there or not."""

    def url(self) -> str:
        """Return the archive's URL. Raises `InvalidOption` if there is none, which says how to set it."""
        value = self.found["url"].value
        if not isinstance(value, str):
            raise InvalidOption(_NO_URL.format(path=self.config))
        if "@" in value.partition("://")[2].partition("/")[0]:
            # Not echoed: the text may hold a secret.
            raise InvalidOption("url: must not hold a user or password; the SDK finds credentials where it always does")
        return value

    def s3(self) -> S3Options | None:
        """Return the options for S3; None for an archive that is elsewhere. Raises `InvalidOption` for wrong ones."""
        from ..objects.s3_options import S3Options

        given = {name: it.value for name, it in self.found.items() if name != "url" and it.value is not None}
        if not self.url().startswith("s3:"):
            # What the environment or the file says of S3 is meant for other archives; an option is meant for this one.
            given = {name: value for name, value in given.items() if self.found[name].origin.startswith("-")}
        values: dict[str, Any] = given
        return S3Options(**values) if values or self.url().startswith("s3:") else None


def resolve(given: Mapping[str, Value], environment: Mapping[str, str]) -> Settings:
    """Put the settings together. `given` are the options of the command line, by name.

    Raises `InvalidOption` for a file that cannot be read, for an unknown name in it, and for a wrong value.
    """
    path, must_be_there = _config_path(given, environment)
    in_file = _read(path, must_be_there=must_be_there)
    found = {}
    for name in (*TEXTS, *SWITCHES):
        variable = _PREFIX + name.upper()
        if name in given:
            found[name] = Setting(name, given[name], f"--{name.replace('_', '-')}")
        elif environment.get(variable):
            found[name] = Setting(name, _of_variable(name, variable, environment[variable]), variable)
        elif name in in_file:
            found[name] = Setting(name, in_file[name], str(path))
        else:
            found[name] = Setting(name, None, "not set")
    return Settings(found, path)


def _config_path(given: Mapping[str, Value], environment: Mapping[str, str]) -> tuple[Path, bool]:
    named = given.get(CONFIG) or environment.get(_PREFIX + CONFIG.upper())
    if isinstance(named, str):
        return Path(named), True
    folder = environment.get("XDG_CONFIG_HOME", "")
    # The specification has a path that is not absolute ignored.
    base = Path(folder) if os.path.isabs(folder) else Path(os.path.expanduser("~/.config"))
    return base / "s3store" / "config.toml", False


def _read(path: Path, *, must_be_there: bool) -> dict[str, Value]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if must_be_there:
            raise InvalidOption(f"{path}: there is no such file") from None
        return {}
    except OSError as error:
        raise InvalidOption(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise InvalidOption(f"{path}: is not TOML") from None
    for name, value in found.items():
        _check(path, name, value)
    return found


def _check(path: Path, name: str, value: object) -> None:
    if name in TEXTS:
        if not isinstance(value, str) or not value:
            raise InvalidOption(f"{path}: {name} is a text that is not empty")
    elif name in SWITCHES:
        if not isinstance(value, bool):
            raise InvalidOption(f"{path}: {name} is true or false")
    else:
        raise InvalidOption(f"{path}: there is no setting {name!r}; there are {', '.join((*TEXTS, *SWITCHES))}")


def _of_variable(name: str, variable: str, value: str) -> Value:
    if name in TEXTS:
        return value
    if value.lower() in _ON | _OFF:
        return value.lower() in _ON
    raise InvalidOption(f"{variable}: is 1 or 0, not {value!r}")
