"""Paints the objects of the mini-COCO: in a colour, pose and size of their own, lit, on backgrounds of grey cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from todus.demo.shapes import Kind, Part

SUPERSAMPLING = 3  # polygons are filled this much larger and averaged down: smooth edges
COLOUR_SPREAD = 22  # the most by which a channel of an object's main colour differs from the category's
SHADOW_OFFSET = (2, 4)  # pixels right and down: the light comes from the upper left
SHADOW_BLUR = 4.0  # pixels
SHADOW_DEPTH = 0.45  # the part of the light that the darkest shadow takes
LIGHT_SPOT = np.array([-0.4, -0.45])  # where a round object is brightest, in radii


@dataclass(frozen=True)
class Sketch:
    """An object with its own colour, pose and size, not yet anywhere: parts in pixels, the least x and y being 0."""

    kind: Kind
    radius: float
    parts: list[Part]

    @property
    def silhouette(self) -> list[np.ndarray]:
        return [part.points for part in self.parts if part.silhouette]

    @property
    def size(self) -> np.ndarray:
        """Width and height in pixels."""
        return np.concatenate(self.silhouette).max(axis=0)

    def scaled(self, factor: float) -> Sketch:
        parts = [part.moved(np.eye(2) * factor, np.zeros(2)) for part in self.parts]
        return Sketch(self.kind, self.radius * factor, parts)


def sketch(kind: Kind, radius: float, rng: np.random.Generator) -> Sketch:
    """An object of `kind`; `radius` in pixels."""
    colour = tuple(int(c) for c in np.clip(kind.colour + rng.integers(-COLOUR_SPREAD, COLOUR_SPREAD + 1, 3), 0, 255))
    angle = np.radians(rng.uniform(-kind.tilt, kind.tilt))
    mirror = rng.choice([-1, 1]) if kind.name not in ("stop sign", "clock") else 1  # what can be read is not mirrored
    pose = radius * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * (mirror, 1)
    parts = [part.moved(pose, np.zeros(2)) for part in kind.draw(colour, rng)]
    least = np.concatenate([part.points for part in parts if part.silhouette]).min(axis=0)
    return Sketch(kind, radius, [part.moved(np.eye(2), -least) for part in parts])


def background(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Grey cloud: float32 [height, width, 3], 0 to 255."""
    cloud = np.zeros((height, width), dtype=np.float32)
    for cells, strength in ((3, 17.0), (6, 11.0), (12, 7.0), (28, 4.0), (70, 2.5)):
        noise = Image.fromarray(rng.normal(0, strength, (cells, cells)).astype(np.float32))
        cloud += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    brightness = rng.uniform(110, 190)
    tint = rng.uniform(-5, 5) * np.array([1, 0, -1])  # a little warmer or cooler, as photographs are
    return np.clip(cloud[:, :, None] + (brightness + tint).astype(np.float32), 20, 240)


def paint(canvas: np.ndarray, drawn: Sketch, x: int, y: int) -> np.ndarray:
    """Paint an object on `canvas` (float32 [h, w, 3], in place), its upper left corner at (x, y).

    Returns what it covers: bool [h, w].
    """
    margin = 3 * round(SHADOW_BLUR)
    width, height = np.ceil(drawn.size).astype(int) + 2 * margin
    colours, alpha = _tile(drawn, width, height, margin)
    shadow = Image.fromarray((alpha * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(SHADOW_BLUR))
    light = 1 - SHADOW_DEPTH / 255 * np.roll(np.asarray(shadow, dtype=np.float32), SHADOW_OFFSET[::-1], axis=(0, 1))
    # The tile may reach beyond the canvas by its margin; both are cut to what they have in common.
    left, top = max(x - margin, 0), max(y - margin, 0)
    right, bottom = min(x - margin + width, canvas.shape[1]), min(y - margin + height, canvas.shape[0])
    target = np.s_[top:bottom, left:right]
    source = np.s_[top - y + margin : bottom - y + margin, left - x + margin : right - x + margin]
    opaque = alpha[source][:, :, None]
    canvas[target] = canvas[target] * light[source][:, :, None] * (1 - opaque) + colours[source] * opaque
    mask = np.zeros(canvas.shape[:2], dtype=bool)
    mask[target] = alpha[source] >= 0.5
    return mask


def _tile(drawn: Sketch, width: int, height: int, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """The object alone, `margin` pixels from the edges: colours (float32 [h, w, 3]) and opacity (float32 [h, w])."""
    large = (int(width) * SUPERSAMPLING, int(height) * SUPERSAMPLING)
    # Colour and opacity are drawn apart: averaged together, edges would darken.
    colours = Image.new("RGB", large, next(part.colour for part in drawn.parts if part.silhouette))
    alpha = Image.new("L", large)
    on_colours, on_alpha = ImageDraw.Draw(colours), ImageDraw.Draw(alpha)
    for part in drawn.parts:
        points = ((part.points + margin) * SUPERSAMPLING - 0.5).ravel().tolist()
        on_colours.polygon(points, fill=part.colour)
        if part.silhouette:
            on_alpha.polygon(points, fill=255)
    lit = np.asarray(colours.reduce(SUPERSAMPLING), dtype=np.float32) * _light(drawn, width, height)[:, :, None]
    return np.clip(lit, 0, 255), np.asarray(alpha.reduce(SUPERSAMPLING), dtype=np.float32) / 255


def _light(drawn: Sketch, width: int, height: int) -> np.ndarray:
    """How bright the object is at each pixel of its tile: float32 [height, width], about 1."""
    x = (np.arange(width, dtype=np.float32) - width / 2) / drawn.radius - LIGHT_SPOT[0]
    y = (np.arange(height, dtype=np.float32) - height / 2) / drawn.radius - LIGHT_SPOT[1]
    distance = x[None, :] ** 2 + y[:, None] ** 2
    return (1 + drawn.kind.roundness * (0.12 - 0.2 * distance)).clip(0.45, 1.2).astype(np.float32)
