"""A mapping that forgets what was not used for longest."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

K = TypeVar("K")
V = TypeVar("V")


class Lru(Generic[K, V]):
    """Keeps the values that were used last.

    Args:
        size: the most values that are kept.
        weight: what they may weigh together. The newest is kept, whatever it weighs.
        weigh: tells what one weighs, as long as it is kept.
    """

    def __init__(self, size: int, weight: int, weigh: Callable[[V], int]) -> None:
        self._size = size
        self._weight = weight
        self._weigh = weigh
        self._held = 0
        self._values: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def values(self) -> Iterable[V]:
        """Gives what is kept, that which was not used for longest first."""
        return self._values.values()

    def __getitem__(self, key: K) -> V:
        self._values.move_to_end(key)  # raises KeyError where there is none
        return self._values[key]

    def __setitem__(self, key: K, value: V) -> None:
        if key in self._values:
            self._held -= self._weigh(self._values[key])
        self._values[key] = value
        self._values.move_to_end(key)
        self._held += self._weigh(value)
        while len(self._values) > self._size or (self._held > self._weight and len(self._values) > 1):
            self._held -= self._weigh(self._values.popitem(last=False)[1])
