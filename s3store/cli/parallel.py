"""Work on many items side by side, with results in order and little held at a time."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(
    work: Callable[[T], R], items: Iterable[T], workers: int, *, stop: Callable[[], None] = lambda: None
) -> Generator[R]:
    """Yield `work(item)` for each item, in the order of the items, by `workers` threads.

    At most twice as many items as workers are taken ahead. When the caller stops early, or an error or Ctrl-C ends
    it, `stop` is called first, then all work under way is waited for.
    """
    pool = ThreadPoolExecutor(workers)
    ahead: deque[Future[R]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) >= 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    except BaseException:
        stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
