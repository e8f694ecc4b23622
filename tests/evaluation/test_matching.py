"""Which detection found which object, the confusions that follow from it, and the images with the most errors."""

from __future__ import annotations

import pytest
from PIL import Image

from todus import picture
from todus.errors import UserError
from todus.evaluation import confusion, matching, worst_images
from todus.evaluation.matching import Pair
from todus.evaluation.worst_images import Errors

CAR, BUS = 1, 2
CATEGORIES = [{"id": CAR, "name": "car"}, {"id": BUS, "name": "bus"}]
HERE, MOSTLY_HERE, ELSEWHERE = [10, 10, 100, 60], [14, 10, 100, 60], [300, 200, 50, 50]


def thing(category: int, bbox: list[float], crowd: bool = False, image: int = 1) -> dict:
    return {"image_id": image, "category_id": category, "bbox": bbox, "iscrowd": int(crowd)}


def seen(category: int, bbox: list[float], score: float = 0.9, image: int = 1) -> dict:
    return {"image_id": image, "category_id": category, "bbox": bbox, "score": score}


def match(truth: list[dict], found: list[dict], **options) -> list[Pair]:
    (pairs,) = matching.match({"annotations": truth}, found, [1], **options).values()
    return pairs


def test_an_object_is_found_by_the_best_detection_and_a_second_one_is_false():
    car, best, second = thing(CAR, HERE), seen(CAR, MOSTLY_HERE, 0.9), seen(CAR, HERE, 0.8)
    assert match([car], [second, best]) == [Pair(car, best), Pair(None, second)]


def test_two_objects_side_by_side_are_each_found_by_the_detection_that_covers_it():
    left, right = thing(CAR, [0, 0, 50, 50]), thing(CAR, [20, 0, 50, 50])
    on_left, on_right = seen(CAR, [2, 0, 50, 50], 0.5), seen(CAR, [19, 0, 50, 50], 0.6)
    assert match([left, right], [on_left, on_right]) == [Pair(right, on_right), Pair(left, on_left)]


def test_an_object_of_another_category_is_confused_only_if_it_was_not_found():
    bus, as_car, as_bus = thing(BUS, HERE), seen(CAR, HERE, 0.9), seen(BUS, MOSTLY_HERE, 0.4)
    assert match([bus], [as_car]) == [Pair(bus, as_car)]
    assert match([bus], [as_car, as_bus]) == [Pair(bus, as_bus), Pair(None, as_car)]


def test_what_overlaps_too_little_is_missed_and_false():
    half = [10, 10, 100, 29]  # IoU 29/60
    car, low = thing(CAR, HERE), seen(CAR, half)
    assert match([car], [low]) == [Pair(car, None), Pair(None, low)]
    assert match([car], [seen(CAR, [10, 10, 100, 30])])[0].is_right  # 30/60 is enough, as with COCO


def test_low_scores_do_not_count():
    car = thing(CAR, HERE)
    assert match([car], [seen(CAR, HERE, 0.29)]) == [Pair(car, None)]
    assert match([car], [seen(CAR, HERE, 0.29)], min_score=0.1)[0].is_right


def test_detections_in_a_crowd_of_their_category_are_ignored():
    crowd = thing(CAR, [0, 0, 400, 400], crowd=True)
    many = [seen(CAR, HERE), seen(CAR, ELSEWHERE)]
    assert match([crowd], many) == []
    bus = seen(BUS, HERE)
    assert match([crowd], [bus]) == [Pair(None, bus)]
    assert match([crowd], [seen(CAR, [390, 390, 100, 100])]) != []  # hardly in it


def test_a_member_of_a_crowd_is_not_taken_for_another_missed_object():
    bus = thing(BUS, HERE)
    assert match([thing(CAR, [0, 0, 400, 400], crowd=True), bus], [seen(CAR, HERE)]) == [Pair(bus, None)]


def test_images_without_anything_have_no_pairs():
    assert matching.match({"annotations": []}, [], [1, 2]) == {1: [], 2: []}


def test_the_matrix_of_confusions():
    car, bus, as_car = thing(CAR, HERE), thing(BUS, HERE), seen(CAR, HERE)
    pairs = [Pair(car, as_car)] * 5 + [Pair(bus, as_car)] * 3 + [Pair(bus, None)] * 2 + [Pair(None, as_car)]
    names, counts = confusion.matrix(pairs, CATEGORIES)
    assert names == ["car", "bus", confusion.NOTHING]
    assert counts.tolist() == [[5, 0, 0], [3, 0, 2], [1, 0, 0]]


def test_the_worst_images_come_first_and_perfect_ones_not_at_all():
    car, bus, as_car = thing(CAR, HERE), thing(BUS, HERE), seen(CAR, HERE)
    pairs = {
        4: [Pair(car, as_car)] * 9,
        5: [Pair(car, None)],
        6: [Pair(bus, as_car), Pair(None, as_car), Pair(car, as_car)],
        7: [Pair(None, as_car)],
        8: [],
    }
    assert worst_images.worst(pairs) == [Errors(6, 1, 2), Errors(5, 1, 0), Errors(7, 0, 1)]
    assert worst_images.worst(pairs, count=1) == [Errors(6, 1, 2)]


BACKGROUND = (40, 90, 60)


def is_like(drawn: Image.Image, x: float, y: float) -> bool:
    """Whether the picture shows its background there."""
    return all(abs(a - b) < 12 for a, b in zip(drawn.getpixel((round(x), round(y))), BACKGROUND, strict=True))


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "some.jpg"
    Image.new("RGB", (640, 480), BACKGROUND).save(path)
    return [({"id": 1, "file_name": path.name}, path)]


def test_a_worst_image_shows_ground_truth_and_detections_side_by_side(images, tmp_path):
    truth = {"categories": CATEGORIES, "annotations": [thing(CAR, HERE)]}
    (name,) = worst_images.draw([Errors(1, 1, 1)], images, truth, [seen(BUS, ELSEWHERE)], tmp_path / "worst")
    with Image.open(tmp_path / "worst" / name) as drawn:
        assert drawn.width == worst_images.WIDTH
        scale = drawn.width / (2 * 640 + picture.GAP)
        left, top = 60 * scale, (picture.HEADING_HEIGHT + 10) * scale  # the upper edge of HERE
        right, lower = (640 + picture.GAP + 325) * scale, (picture.HEADING_HEIGHT + 200) * scale  # that of ELSEWHERE
        assert not is_like(drawn, left, top + 3) and is_like(drawn, right, top + 3)
        assert is_like(drawn, left, lower + 1) and not is_like(drawn, right, lower + 1)


def test_worst_images_of_before_do_not_stay(images, tmp_path):
    truth = {"categories": CATEGORIES, "annotations": []}
    worst_images.draw([Errors(1, 1, 0)], images, truth, [], tmp_path / "worst")
    assert worst_images.draw([], images, truth, [], tmp_path / "worst") == []
    assert list((tmp_path / "worst").iterdir()) == []


def test_an_image_that_is_damaged_by_now_is_named(images, tmp_path):
    images[0][1].write_bytes(b"no image")
    with pytest.raises(UserError, match=r"some\.jpg cannot be read as an image"):
        worst_images.draw([Errors(1, 1, 0)], images, {"categories": [], "annotations": []}, [], tmp_path / "worst")
    assert not (tmp_path / "worst").exists()
