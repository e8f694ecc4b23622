"""What a user may type as CATEGORIES."""

import pytest

from coco.mirror import CATEGORIES
from todus.coco import categories
from todus.errors import UserError

MORE = [
    *CATEGORIES,
    {"supercategory": "furniture", "id": 91, "name": "plant pot"},
    {"supercategory": "furniture", "id": 92, "name": "plant"},
]


def names(text: str, known=CATEGORIES) -> list[str]:
    return [category["name"] for category in categories.parse(text, known)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bear person", ["person", "bear"]),
        ("person, car, traffic light", ["person", "car", "traffic light"]),
        ("traffic_light", ["traffic light"]),
        ("  Traffic   Light  PERSON ", ["person", "traffic light"]),
        ("traffic light person", ["person", "traffic light"]),
        ("car bear, traffic light,", ["car", "traffic light", "bear"]),
        ("vehicle", ["car", "bus"]),
        ("car vehicle car", ["car", "bus"]),
        ("person", ["person"]),  # also the name of a supercategory
    ],
)
def test_understands(text, expected):
    assert names(text) == expected


def test_takes_the_longest_name_that_fits():
    assert names("plant pot", MORE) == ["plant pot"]
    assert names("plant plant pot", MORE) == ["plant pot", "plant"]


def test_a_category_wins_over_a_supercategory_of_the_same_name():
    known = [
        {"supercategory": "person", "id": 1, "name": "person"},
        {"supercategory": "person", "id": 2, "name": "child"},
    ]
    assert names("person", known) == ["person"]


def test_gives_the_whole_category():
    assert categories.parse("bear", CATEGORIES) == [{"supercategory": "animal", "id": 23, "name": "bear"}]


def test_names_all_unknown_ones_with_the_nearest():
    with pytest.raises(UserError) as caught:
        categories.parse("unicorn persom car, zzz, unicorn", CATEGORIES)
    text = str(caught.value)
    assert "'unicorn'" in text
    assert "'persom' (nearest: person)" in text
    assert "'zzz'" in text
    assert text.count("'unicorn'") == 1
    assert "'car'" not in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["trafic lihgt", "car trafic_lihgt", "car, trafic lihgt"])
def test_takes_a_mistyped_name_of_two_words_for_one(text):
    with pytest.raises(UserError, match=r"unknown category 'trafic lihgt' \(nearest: traffic light\)"):
        categories.parse(text, CATEGORIES)


def test_says_how_to_list_all():
    with pytest.raises(UserError, match="known are person, car, bus, traffic light, bear, toothbrush"):
        categories.parse("zzz", CATEGORIES, "a file")
    many = [{"id": number, "name": f"kind{number}"} for number in range(1, 81)]
    with pytest.raises(UserError, match="all 80 names are in a file"):
        categories.parse("zzz", many, "a file")


@pytest.mark.parametrize("text", ["", "  ", ", ,"])
def test_refuses_nothing(text):
    with pytest.raises(UserError, match="no categories"):
        categories.parse(text, CATEGORIES)
