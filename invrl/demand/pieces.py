"""A part of the data too large for memory, piece by piece.

Pieces are built from the panel when they are needed and all have the same shapes. Evaluation goes
through all of them; training takes one per chunk, in turn, while the next is being built. No pair
is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from invrl.demand.episodes import Dataset
from invrl.simulator import Episode

Build = Callable[[int], Dataset]
"""piece -> its episodes."""


class Pieces:
    """A part in several data sets.

    Args:
        build: makes piece 0 ... count - 1.
        pairs: [N'] indices into the panel, of all pieces.
    """

    def __init__(self, build: Build, count: int, pairs: np.ndarray):
        self.build, self.count, self.pairs = build, count, pairs

    def __iter__(self) -> Iterator[tuple[np.ndarray, Dataset]]:
        """(positions among `pairs`, episodes) of every piece; one is in memory at a time."""
        order = np.argsort(self.pairs, kind="stable")
        for k in range(self.count):
            dataset = self.build(k)
            yield order[np.searchsorted(self.pairs, dataset.pairs, sorter=order)], dataset


class Feed:
    """The episodes of each training chunk: always the same ones, or the pieces in turn.

    Which piece a chunk sees depends on its number alone, so a resumed run sees the same.
    """

    def __init__(self, first: Dataset, build: Build, count: int):
        self.first, self.build, self.count = first, build, count
        self.pool = ThreadPoolExecutor(1)
        self.coming: tuple[int, Future[Dataset]] | None = None

    def __call__(self, chunk: int) -> tuple[Episode, ...]:
        """The episodes of a chunk, by its number."""
        if self.count == 1:
            return self.first.episodes
        number = chunk % self.count
        ready = self.coming is not None and self.coming[0] == number
        dataset = self.coming[1].result() if self.coming and ready else self.build(number)
        after = (number + 1) % self.count
        self.coming = after, self.pool.submit(self.build, after)
        return dataset.episodes
