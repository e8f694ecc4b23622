"""One image and its boxes as the Object Detection API's create_coco_tf_record puts them into a record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from todus.coco import protos
from todus.coco.annotations import Annotation
from todus.coco.records.stored_image import StoredImage


def serialized(
    image: Mapping,
    boxes: Sequence[Annotation],
    stored: StoredImage,
    names: Mapping[int, str],
    masks: Sequence[bytes] | None = None,
) -> bytes:
    """The bytes of the tf.train.Example of one image.

    Args:
      image: COCO's image dict; its size (pixels) is what boxes are normalized by, as the API does.
      boxes: the annotations of the image, with boxes and areas.
      stored: the image file.
      names: category id -> name.
      masks: a PNG for each of `boxes`; None leaves the feature out.
    """
    width, height = image["width"], image["height"]
    message = protos.Example()
    feature = message.features.feature
    # Values are added in place: a message that is put together of others copies the picture each time.
    for key, integers in {
        "image/height": [height],
        "image/width": [width],
        "image/object/is_crowd": [box.iscrowd for box in boxes],
    }.items():
        feature[key].int64_list.value[:] = integers
    xywh = [box.bbox for box in boxes]
    for key, floats in {
        "image/object/bbox/xmin": [x / width for x, _, _, _ in xywh],
        "image/object/bbox/xmax": [(x + w) / width for x, _, w, _ in xywh],
        "image/object/bbox/ymin": [y / height for _, y, _, _ in xywh],
        "image/object/bbox/ymax": [(y + h) / height for _, y, _, h in xywh],
        "image/object/area": [box.area for box in boxes],
    }.items():
        feature[key].float_list.value[:] = floats
    for key, texts in {
        "image/filename": [image["file_name"].encode()],
        "image/source_id": [str(image["id"]).encode()],
        "image/key/sha256": [hashlib.sha256(stored.encoded).hexdigest().encode()],
        "image/encoded": [stored.encoded],
        "image/format": [stored.format],
        "image/object/class/text": [names[box.category_id].encode() for box in boxes],
        **({} if masks is None else {"image/object/mask": masks}),
    }.items():
        feature[key].bytes_list.value[:] = texts
    # Map entries in a fixed order: the same input makes the same bytes.
    return message.SerializeToString(deterministic=True)
