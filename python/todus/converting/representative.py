"""Images that stand for what a detector will see: drawn from the training records, in the network's size."""

from __future__ import annotations

import numpy as np

from todus import progress
from todus.coco.records import drawing
from todus.converting import resizer
from todus.errors import UserError
from todus.exporting.tflite_facts import Facts
from todus.layout import Dataset

IMAGES = 100


def inputs(dataset: Dataset, facts: Facts, count: int = IMAGES) -> list[np.ndarray]:
    """`count` images, or as many as there are, as the network takes them: float32 [1, height, width, 3], normalised.

    The same ones each time. Black and white are put into the first, so that the range of the input is that of all
    pixels, whatever the images show.

    Raises:
      UserError: the dataset has no training images.
    """
    resize = resizer.of(facts)
    taken: list[np.ndarray] = []
    with progress.Progress("representative images", count, "image") as bar:
        for image in drawing.images(dataset, count):
            taken.append(resize(image))
            bar.advance()
    resize.close()
    if not taken:
        raise UserError(f"dataset {dataset.name} has no training images to measure ranges on; say TFLITE=float32")
    taken[0][0, 0, 0], taken[0][0, 0, 1] = 0, 255
    mean, deviation = (np.array(values, np.float32) for values in (facts.mean, facts.deviation))
    return [((pixels - mean) / deviation).astype(np.float32) for pixels in taken]
