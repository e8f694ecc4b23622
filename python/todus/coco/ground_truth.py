"""What COCO's annotation files hold, as it is here in memory.

Images and categories are the file's own dicts; annotations, of which COCO has 860,001, are typed and hold their outline
as the text it was. Boxes are (x, y, width, height) in pixels from the top left corner.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

Bbox = tuple[float, float, float, float]
# What records and JSON can hold.
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Flag = Annotated[int, Meta(ge=0, le=1)]


class Annotation(msgspec.Struct, gc=False):
    """One object, with the fields that COCO's instances have; others are not taken over."""

    id: Int64 | str | None  # None, here and below: what the file has is of no use
    image_id: int | str | None
    category_id: int | None
    bbox: Bbox | None
    area: float | None = None  # square pixels; None: the file has none
    iscrowd: Flag = 0
    segmentation: Raw | UnsetType = UNSET  # JSON: polygons [[x, y, ...], ...], or run lengths {"counts", "size"}


class GroundTruth(msgspec.Struct, gc=False):
    """What an annotation file holds. Test-dev has no annotations; info and licenses are JSON, where there are any."""

    images: list[dict]
    categories: list[dict]
    annotations: list[Annotation] | UnsetType = UNSET
    info: Raw | UnsetType = UNSET
    licenses: Raw | UnsetType = UNSET

    @property
    def is_annotated(self) -> bool:
        return self.annotations is not UNSET

    @property
    def boxes(self) -> list[Annotation]:
        """The annotations; none for test-dev."""
        return self.annotations if self.is_annotated else []
