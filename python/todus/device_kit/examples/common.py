"""What the programs of all device kits share: images in, detections out, and the command line."""

import argparse
import json
import os
import sys
import time
import warnings
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
    """The photograph in a file, upright, on white where it is transparent: uint8 [height, width, 3], RGB."""
    # By its name Pillow would map a plain TIFF into memory, and scramble it where it is to be turned.
    with warnings.catch_warnings(), Path(path).open("rb") as file, Image.open(file) as image:
        warnings.simplefilter("ignore")  # of odd metadata
        image.load()
        return np.asarray(in_rgb(upright(image), image.format))


def upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)  # since Pillow 6
    except Exception:  # of damaged EXIF data, whatever its reader comes across; the image itself is whole
        return image


def in_rgb(image: Image.Image, file_format: str) -> Image.Image:
    """`file_format` is told apart because Pillow before 11 gives grey PNG files of 16 bits as ones of 32."""
    if image.mode.startswith("I;16") or (image.mode == "I" and file_format == "PNG"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")  # the upper 8 bits
    if image.mode in ("I", "F"):  # these do not tell what is white: from the least to the greatest of the image
        values = np.asarray(image).astype(np.float64)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        shares = (np.clip(np.where(np.isnan(values), low, values), low, high) - low) / ((high - low) or 1.0)
        return Image.fromarray((shares * 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", opaque.size, (255, 255, 255, 255)), opaque).convert("RGB")
    return image.convert("RGB")


def needed(known: dict, names: tuple, where: str = "it") -> dict:
    """What is known of these names. Raises ValueError if one is not known, as of a model that is not of Todus."""
    for name in names:
        if name not in known:
            raise ValueError(
                f"{where} does not tell {name}; it is no model that Todus converted, or of another version"
            )
    return {name: known[name] for name in names}


def found_in(image: np.ndarray, detector, threshold: float) -> list:
    """Each detection as a dict: category, score, bbox (x and y of the upper left corner, width, height; pixels)."""
    height, width = image.shape[:2]
    boxes, classes, scores = detector(image)
    detections = []
    for i in np.flatnonzero(scores >= np.float32(threshold)):
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
    picture.save(str(target), "JPEG", quality=90)


def drawn_as(path: str, folder: Path) -> Path:
    """Where to draw the image: a name that nothing there has yet, so that no file is written over."""
    name, number = f"{Path(path).stem}-detected", 1
    target = folder / f"{name}.jpg"
    while os.path.lexists(str(target)):
        number += 1
        target = folder / f"{name}-{number}.jpg"
    return target


def main(detector_class: type, suffix: str, remedy: str) -> int:
    """Detect in the images that the command line names; the exit status is 1 if one of them failed.

    Args:
      detector_class: a Detector as the runtime of this device has it.
      suffix: by which its file is found. remedy: what helps where there is none.
    """
    options = parse_arguments(detector_class, suffix, remedy)
    make_folder(options.draw)
    try:
        detector = detector_class(options)
        detector(np.zeros((32, 32, 3), np.uint8))  # the first image takes longer, and is not to be counted
    except Exception as error:  # each runtime has kinds of its own
        sys.exit(f"detect.py: {options.model}: {reason(error)}")
    failures = 0
    for path in options.images:
        try:
            detect(path, detector, options)
        except BrokenPipeError:
            raise
        except Exception as error:  # whatever the decoder of a broken image raises; the others are to be seen
            tell_failure(path, error, options.json)
            failures += 1
    return 1 if failures else 0


def make_folder(folder: Path) -> None:
    """The folder for what is drawn, if that is asked for."""
    try:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"detect.py: --draw {folder}: {reason(error)}")


def detect(path: str, detector, options: argparse.Namespace) -> None:
    """Tell, and draw, what is in one image."""
    image = read(path)
    started = time.perf_counter()
    detections = found_in(image, detector, options.threshold)
    milliseconds = 1000 * (time.perf_counter() - started)
    if options.draw:
        draw(image, detections, drawn_as(path, options.draw))
    tell(path, image, detections, milliseconds, options.json)


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return value


def count(text: str) -> int:
    """A number of threads."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def parse_arguments(detector_class: type, suffix: str, remedy: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--threshold", type=share, default=0.3, help="leave out lower scores (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each image, and nothing else")
    parser.add_argument(
        "--draw", type=Path, metavar="FOLDER", help="write each image with its detections there, as a new JPEG"
    )
    parser.add_argument("--model", type=Path, help=f"default: the {suffix} file beside this one")
    detector_class.add_options(parser)
    options = parser.parse_args()
    options.model = options.model or next(Path(__file__).resolve().parent.glob(f"*{suffix}"), None)
    if options.model is None or not options.model.is_file():
        sys.exit(f"detect.py: {options.model or suffix + ' file'} is not there; {remedy}")
    return options
