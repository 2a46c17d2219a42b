"""What a caller may choose about the cache on this machine, and the cache that comes of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from .errors import InvalidOption
from .objects.base import identified
from .objects.cached import Freshness, Local

if TYPE_CHECKING:
    from pathlib import Path

    from .locations import Opened
    from .objects.shelf import Keeper, Shelf
    from .runtime import Runtime

DEFAULT_SIZE = 1 << 30
"""The most bytes that a cache takes on a disk, unless the caller says otherwise."""
DEFAULT_SIZE_IN_A_FUNCTION = 128 << 20
"""The same in AWS Lambda, whose disk has 512 MB, of which the function wants some too."""

_LEAST_SIZE = 1 << 20
_METHODS = ("get", "put", "confirm", "forget", "names", "close")
_FORMS = "a directory, a size in bytes, a CachePolicy, a Cache, or False for none"


@dataclass(frozen=True)
class CachePolicy:
    """What this process keeps on this machine, and how fresh what it reads must be.

    `place` is a directory, a `s3store.cache.Cache` of your own (which stays open), or None for the directory that the
    system has for such things. `size` bounds what the directory takes, in bytes (at least 1 MiB; None: 1 GiB, in AWS
    Lambda 128 MiB); a `Cache` of your own has its own bound.

    If you say nothing more, the store is asked for everything that may have changed, and answers in a few bytes that it
    has not: what you read is what is there. With `max_age`, in seconds, it is not asked again for so long: what others
    wrote meanwhile is seen that much later; what this process wrote is seen at once. With `offline` it is never asked:
    what this machine has is listed and loaded, the rest is `NotCached`, and nothing can be written.

    Raises `InvalidOption` for what makes no sense.
    """

    place: str | os.PathLike[str] | Keeper | None = None
    size: int | None = None
    max_age: float = 0.0
    offline: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.place, str | os.PathLike | None) and not _is_keeper(self.place):
            raise InvalidOption(f"cache: the place is a directory or a Cache, not {type(self.place).__name__}")
        if self.place == "":
            raise InvalidOption("cache: the place must not be empty; leave it out for the default")
        if self.size is not None:
            if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < _LEAST_SIZE:
                raise InvalidOption(f"cache: the size is {_LEAST_SIZE:,} bytes or more, not {self.size!r}")
            if _is_keeper(self.place):
                raise InvalidOption("cache: a Cache of your own has its own size limit; set it there")
        if isinstance(self.max_age, bool) or not isinstance(self.max_age, int | float) or not self.max_age >= 0:
            raise InvalidOption(f"cache: max_age is 0 seconds or more, not {self.max_age!r}")

    @classmethod
    def of(cls, choice: CacheChoice, *, by_default: bool) -> CachePolicy | None:
        """Return what a caller chose; None for no cache. `by_default` says what None stands for.

        Raises `InvalidOption` for what is no choice.
        """
        if choice is None:
            return cls() if by_default else None
        if choice is False or choice == "off":
            return None
        if choice is True:
            return cls()
        if isinstance(choice, cls):
            return choice
        if isinstance(choice, int):
            return cls(size=choice)
        if isinstance(choice, str | os.PathLike) or _is_keeper(choice):
            return cls(cast("str | os.PathLike[str] | Keeper", choice))
        raise InvalidOption(f"cache: is {_FORMS}, not {type(choice).__name__}")

    def open(self) -> Keeper:
        """Return the cache. Nothing is opened on the disk before it is used."""
        if _is_keeper(self.place):
            return cast("Keeper", self.place)
        from .cache import Cache

        return Cache(self.directory, space=SPACE, size_limit=self.size or _default_size())

    @property
    def directory(self) -> Path:
        """The directory of the cache; the default one beside a `Cache` of your own."""
        if self.place is None or _is_keeper(self.place):
            from .cache import default_directory

            return default_directory()
        from pathlib import Path

        return Path(cast("str", self.place)).expanduser()


CacheChoice: TypeAlias = "CachePolicy | Keeper | str | os.PathLike[str] | int | bool | None"
"""How a caller says what he wants of a cache: a directory, a size in bytes, a policy, a `Cache`, or True or False."""
SPACE = "s3store/1"
"""What tells what is kept here from what others keep in the same directory. Archives are told apart by names."""


def local_of(opened: Opened, choice: CacheChoice, runtime: Runtime, shelf: type[Shelf]) -> Local | None:
    """Return what this machine keeps of a store; None for nothing. `shelf` is the one of the face.

    Raises `InvalidOption` for a choice that makes no sense, or for a store that cannot say which one it is.
    """
    policy = CachePolicy.of(choice, by_default=opened.remote)
    if policy is None:
        return None
    identity = identified(opened.store).identity
    kept = shelf(policy.open(), identity, closes=not _is_keeper(policy.place))
    return Local(kept, Freshness(policy.max_age, policy.offline), lambda: runtime.now().timestamp())


def search_folder(opened: Opened, choice: CacheChoice) -> Path | None:
    """Return where this machine keeps what is searched of archives: in the cache's directory, or the default one.

    None for an archive in memory, which is gone before anybody could find it there. Raises as `local_of`.
    """
    from .objects.memory import MemoryStore

    if isinstance(opened.store, MemoryStore):
        return None
    policy = CachePolicy.of(choice, by_default=False)
    return (CachePolicy() if policy is None else policy).directory / "search"


def _is_keeper(place: object) -> bool:
    return all(callable(getattr(place, name, None)) for name in _METHODS)


def _default_size() -> int:
    return DEFAULT_SIZE_IN_A_FUNCTION if os.environ.get("AWS_LAMBDA_FUNCTION_NAME") else DEFAULT_SIZE
