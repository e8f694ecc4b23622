"""What the detector takes the objects of each category for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from todus.evaluation.matching import Pair

# The row of detections where no object is, the column of objects that were missed; no category is called so.
NOTHING = "(nothing)"


def matrix(pairs: Iterable[Pair], categories: Sequence[Mapping]) -> tuple[list[str], np.ndarray]:
    """Counts of objects by their category (row) and by that of the detection that found them (column).

    Returns:
      The names of rows and columns, the last one NOTHING; int64 [1 + categories, 1 + categories].
    """
    rows = {category["id"]: row for row, category in enumerate(categories)}
    counts = np.zeros((len(rows) + 1, len(rows) + 1), np.int64)
    for pair in pairs:
        row, column = (rows[side["category_id"]] if side else len(rows) for side in pair)
        counts[row, column] += 1
    return [*(category["name"] for category in categories), NOTHING], counts
