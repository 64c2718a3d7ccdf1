"""Windows of consecutive rows, cut when they are asked for: a member with `input = "window"` reads the last W rows of a track."""

from dataclasses import dataclass, replace

import numpy as np

import engine


@dataclass(frozen=True)
class Windows:
    """The `size` rows that end at each of `ends`, oldest first. `swapped` takes one feature from other windows instead."""

    rows: np.ndarray
    ends: np.ndarray
    size: int
    swapped: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def take(self, chosen: np.ndarray | slice) -> "Windows":
        """The chosen windows."""
        swapped = self.swapped and (self.swapped[0], self.swapped[1][chosen])
        return replace(self, ends=self.ends[chosen], swapped=swapped)

    def swap(self, feature: int, order: np.ndarray) -> "Windows":
        """Window i with the feature of window order[i]: what a model loses by it is what the feature is worth."""
        return replace(self, swapped=(feature, self.ends[order]))

    def values(self) -> np.ndarray:
        """[n, size, F]."""
        back = np.arange(1 - self.size, 1)
        values = self.rows[self.ends[:, None] + back]
        if self.swapped:
            feature, ends = self.swapped
            values[:, :, feature] = self.rows[ends[:, None] + back, feature]
        return values

    def newest(self) -> np.ndarray:
        """[n, F]: the row that ends each window."""
        return replace(self, size=1).values()[:, 0]

    def parts(self, most: int = 1024):
        """Windows in order, `most` at a time: all of them at once would not fit every machine."""
        return (self.take(slice(first, first + most)) for first in range(0, len(self), most))


def of_table(table: np.ndarray, size: int) -> Windows:
    """Every window of a table whose rows follow each other."""
    return Windows(table, np.arange(size - 1, len(table)), size)


def whole(rows: engine.Rows, size: int, step_ns: int) -> tuple[Windows, np.ndarray]:
    """The windows of rows that follow each other in one track, a step apart, and the numbers of the rows that end them."""
    order = np.lexsort((rows.time_ns, rows.track))
    follows = np.zeros(len(order), bool)
    follows[1:] = (rows.track[order][1:] == rows.track[order][:-1]) & (np.diff(rows.time_ns[order]) == step_ns)
    place = np.arange(len(order))
    began = np.maximum.accumulate(np.where(follows, 0, place))
    # In the order in which the rows were given.
    sorted_at = np.empty(len(order), np.int64)
    sorted_at[order] = place
    numbers = np.flatnonzero((place - began >= size - 1)[sorted_at])
    return Windows(rows.values[order], sorted_at[numbers], size), numbers
