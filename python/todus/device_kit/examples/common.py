"""What the programs of all device kits share: images in, detections out, and the command line."""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps


def inside(boxes: np.ndarray, classes: np.ndarray, scores: np.ndarray) -> tuple:
    """Boxes clipped to the image; those that lie outside of it are left out."""
    boxes = np.clip(boxes, 0, 1)
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[has_area], classes[has_area], scores[has_area]


def resized(image: np.ndarray, height: int, width: int, method: str) -> np.ndarray:
    """The image at the network's size, float32 [height, width, 3], 0..255, as TensorFlow 1 computes it.

    Pillow and OpenCV compute something else. Here pixel i lies at i * old size / new size, not half a pixel aside, and
    is mixed of the two pixels beside that place alone, however much smaller the image becomes.
    """
    y = np.arange(height, dtype=np.float32) * (np.float32(image.shape[0]) / np.float32(height))
    x = np.arange(width, dtype=np.float32) * (np.float32(image.shape[1]) / np.float32(width))
    last = np.array(image.shape[:2]) - 1
    top, left = np.minimum(y.astype(int), last[0]), np.minimum(x.astype(int), last[1])
    if method == "NEAREST_NEIGHBOR":
        return image[np.ix_(top, left)].astype(np.float32)
    bottom, right = np.minimum(top + 1, last[0]), np.minimum(left + 1, last[1])
    down, across = (y - np.floor(y))[:, np.newaxis, np.newaxis], (x - np.floor(x))[:, np.newaxis]
    corners = [image[np.ix_(rows, columns)].astype(np.float32) for rows in (top, bottom) for columns in (left, right)]
    above = corners[0] + (corners[1] - corners[0]) * across
    below = corners[2] + (corners[3] - corners[2]) * across
    return above + (below - above) * down


def read(path: str) -> np.ndarray:
    """The photograph in a file, upright: uint8 [height, width, 3], RGB."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image) if hasattr(ImageOps, "exif_transpose") else image  # since Pillow 6
        return np.asarray(upright.convert("RGB"))


def found_in(image: np.ndarray, detector, threshold: float) -> list:
    """Each detection as a dict: category, score, bbox (x and y of the upper left corner, width, height; pixels)."""
    height, width = image.shape[:2]
    boxes, classes, scores = detector(image)
    detections = []
    for i in np.flatnonzero(scores >= threshold):
        top, left, bottom, right = (boxes[i] * [height, width, height, width]).tolist()
        box = [round(value, 3) for value in (left, top, right - left, bottom - top)]
        label = detector.labels[classes[i] - 1]
        if label != "???":  # a number that no category has
            detections.append({"category": label, "score": round(float(scores[i]), 6), "bbox": box})
    return detections


def tell(path: str, image: np.ndarray, detections: list, milliseconds: float, as_json: bool) -> None:
    height, width = image.shape[:2]
    if as_json:
        about = {"image": path, "width": width, "height": height, "milliseconds": round(milliseconds, 3)}
        print(json.dumps({**about, "detections": detections}))
        return
    print(f"{path}: {width}x{height}, {len(detections)} found, {milliseconds:.1f} ms")
    for detection in detections:
        x, y, width, height = detection["bbox"]
        place = f"{x:.0f},{y:.0f} to {x + width:.0f},{y + height:.0f}"
        print(f"  {detection['category']} {detection['score']:.2f}, {place}")


def tell_failure(path: str, error: Exception, as_json: bool) -> None:
    print(f"detect.py: {path}: {reason(error)}", file=sys.stderr)
    if as_json:
        print(json.dumps({"image": path, "error": reason(error)}))


def reason(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def draw(image: np.ndarray, detections: list, target: Path) -> None:
    """Write the image with its detections."""
    picture = Image.fromarray(image)
    pen, thick = ImageDraw.Draw(picture), max(1, min(picture.size) // 200)
    try:
        font = ImageFont.load_default(max(12, min(picture.size) // 30))
    except TypeError:  # before Pillow 10.1 it comes in one size
        font = ImageFont.load_default()
    for detection in detections:
        x, y, width, height = detection["bbox"]
        for edge in range(thick):
            pen.rectangle([x - edge, y - edge, x + width + edge, y + height + edge], outline=(255, 64, 0))
        text = f"{detection['category']} {detection['score']:.2f}"
        is_old = not hasattr(pen, "textbbox")  # before Pillow 8, whose letters are 6 by 11 pixels
        pen.rectangle((x, y, x + 6 * len(text), y + 11) if is_old else pen.textbbox((x, y), text, font), (255, 64, 0))
        pen.text((x, y), text, (255, 255, 255), font)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.save(str(target), quality=90)


def drawn_as(path: str, folder: str, taken: set) -> Path:
    """Where to draw the image: a name that no other one has, and never that of an image that was given."""
    name, number = f"{Path(path).stem}-detected", 1
    while (Path(folder) / f"{name}.jpg").resolve() in taken:
        number += 1
        name = f"{Path(path).stem}-detected-{number}"
    target = Path(folder) / f"{name}.jpg"
    taken.add(target.resolve())
    return target


def main(detector_class: type, suffix: str, remedy: str) -> int:
    """Detect in the images that the command line names; the exit status is 1 if one of them was none.

    Args:
      detector_class: a Detector as the runtime of this device has it.
      suffix: by which its file is found. remedy: what helps where there is none.
    """
    options = parse_arguments(detector_class, suffix, remedy)
    try:
        detector = detector_class(options)
    except Exception as error:  # each runtime has kinds of its own
        sys.exit(f"detect.py: {options.model}: {reason(error)}")
    detector(np.zeros((32, 32, 3), np.uint8))  # the first image takes longer, and is not to be counted
    taken, failures = {Path(path).resolve() for path in options.images}, 0
    for path in options.images:
        try:
            image = read(path)
        except Exception as error:  # whatever the decoder of a broken image raises; the others are to be seen
            tell_failure(path, error, options.json)
            failures += 1
            continue
        started = time.perf_counter()
        detections = found_in(image, detector, options.threshold)
        tell(path, image, detections, 1000 * (time.perf_counter() - started), options.json)
        if options.draw:
            draw(image, detections, drawn_as(path, options.draw, taken))
    return 1 if failures else 0


def share(text: str) -> float:
    """A number from 0 to 1."""
    if not text.replace(".", "", 1).isdigit() or float(text) > 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return float(text)


def parse_arguments(detector_class: type, suffix: str, remedy: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--threshold", type=share, default=0.3, help="leave out lower scores (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each image, and nothing else")
    parser.add_argument("--draw", metavar="FOLDER", help="write each image with its detections there, as a JPEG")
    parser.add_argument("--model", type=Path, help=f"default: the {suffix} file beside this one")
    detector_class.add_options(parser)
    options = parser.parse_args()
    options.model = options.model or next(Path(__file__).resolve().parent.glob(f"*{suffix}"), None)
    if options.model is None or not options.model.is_file():
        sys.exit(f"detect.py: {options.model or suffix + ' file'} is not there; {remedy}")
    return options
