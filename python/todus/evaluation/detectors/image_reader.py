"""Read images for a detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from todus.errors import UserError


def read_image(path: Path) -> np.ndarray:
    """An image as uint8 [height, width, 3], RGB.

    Raises:
      UserError: the file is not an image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except PermissionError:
        raise UserError(f"{path} may not be read; give yourself the right to, or make the dataset again") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # on damaged files, all of them
        raise UserError(f"{path} cannot be read as an image ({error}); delete it and make the dataset again") from None
