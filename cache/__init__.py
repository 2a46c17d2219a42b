"""A local cache of bytes under names: in front of whatever is slow, shared by processes, never wrong, never in the way.

It knows nothing of what it keeps. Every entry carries a digest over its name and its bytes: what was damaged, cut
short, swapped or written by others is not given back. Any fault of the cache is a miss. Nothing is ever unpickled.

Importing this loads neither diskcache nor SQLite: the first call on a `Cache` does.
"""

from __future__ import annotations

from .cache import SMALLEST_SIZE_LIMIT, Cache
from .folder import default_directory
from .model import Cached, CacheInfo, Verified

__all__ = ["SMALLEST_SIZE_LIMIT", "Cache", "CacheInfo", "Cached", "Verified", "default_directory"]
