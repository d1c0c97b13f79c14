"""A value that may be some seconds old: asked for once for all who want it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """Keeps an answer.

    Parameters
    ----------
    ask
        For a new one.
    age_s
        Up to which it will do.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], age_s: float) -> None:
        self._ask, self._age_s = ask, age_s
        self._kept: tuple[float, T] | None = None
        self._asking: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The answer, or what asking for it raises, to all who wait for it."""
        now_s = asyncio.get_running_loop().time()
        if self._kept is not None and now_s - self._kept[0] < self._age_s:
            return self._kept[1]
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._new())
            self._asking.add_done_callback(self._asked)
        # One who gives up does not end it for the others.
        return await asyncio.shield(self._asking)

    async def _new(self) -> T:
        value = await self._ask()
        self._kept = (asyncio.get_running_loop().time(), value)
        return value

    def _asked(self, task: asyncio.Task[T]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # seen, even if all who waited are gone
