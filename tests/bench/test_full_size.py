"""The generated annotation file is one of COCO's, only drawn; here a small one of the same shape."""

from __future__ import annotations

from todus import layout
from todus.bench import full_size
from todus.coco import annotations, label_map


def test_it_is_whole_and_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(full_size, "IMAGES", 120)
    monkeypatch.setattr(full_size, "ANNOTATIONS", 900)
    monkeypatch.setattr(full_size, "CHUNK", 250)
    for name in ("one.json", "two.json"):
        full_size.write(tmp_path / name)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    truth = annotations.load(tmp_path / "one.json")
    cleaned, tally = annotations.clean(truth)
    assert (len(cleaned.images), len(cleaned.boxes)) == (120, 900)
    assert not tally.skipped
    assert {a.image_id for a in truth.boxes} == {image["id"] for image in truth.images}
    assert sum(a.iscrowd for a in truth.boxes) == 9
    assert {a.category_id for a in truth.boxes} <= set(label_map.read(layout.COCO_LABEL_MAP).names)
    persons = sum(a.category_id == 1 for a in truth.boxes)
    assert 0.2 < persons / 900 < 0.4
