"""Pictures of boxes: each where it belongs, in its category's colour, with a caption that can be read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from todus import picture
from todus.picture import GAP, HEADING_HEIGHT, LINE, MIN_HEIGHT, Box

GREY = (120, 120, 120)
NAMES = ["kite", "stop sign", "clock"]
COLOURS = picture.colours_of(NAMES)


def blank(width: int = 400, height: int = 400) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def pixels(image: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Where `image` has exactly this colour: bool [h, w]."""
    return (np.asarray(image) == colour).all(axis=2)


def test_a_box_is_drawn_along_its_edges_and_nowhere_inside():
    drawn = picture.draw_boxes(blank(), [Box([100, 150, 120, 80], "kite")], COLOURS)
    line = pixels(drawn, COLOURS["kite"])
    assert line[150 : 150 + LINE, 100:220].all()
    assert line[230 - LINE : 230, 100:220].all()
    assert line[150:230, 100 : 100 + LINE].all()
    assert line[150:230, 220 - LINE : 220].all()
    assert not line[150:, :100].any()
    assert not line[150:, 220:].any()
    assert not line[230:].any()
    assert pixels(drawn, GREY)[150 + LINE + 1 : 230 - LINE - 1, 100 + LINE + 1 : 220 - LINE - 1].all()


def test_the_given_image_is_not_changed():
    image = blank()
    picture.side_by_side(image, [Box([10, 10, 50, 50], "kite")], [Box([10, 10, 50, 50], "kite", 0.9)])
    assert pixels(image, GREY).all()


def test_ground_truth_is_at_the_left_and_detections_from_the_threshold_up_at_the_right():
    truth = [Box([20, 100, 60, 60], "kite")]
    detections = [Box([200, 100, 60, 60], "stop sign", 0.6), Box([300, 300, 60, 60], "clock", 0.59)]
    both = picture.side_by_side(blank(), truth, detections, threshold=0.6, colours=COLOURS)
    assert both.size == (2 * 400 + GAP, 400 + HEADING_HEIGHT)
    left = both.crop((0, HEADING_HEIGHT, 400, HEADING_HEIGHT + 400))
    right = both.crop((400 + GAP, HEADING_HEIGHT, 800 + GAP, HEADING_HEIGHT + 400))
    assert pixels(left, COLOURS["kite"])[100, 20:80].all()
    assert not pixels(left, COLOURS["stop sign"]).any()
    assert pixels(right, COLOURS["stop sign"])[100, 200:260].all()
    assert not pixels(right, COLOURS["kite"]).any()
    assert not pixels(right, COLOURS["clock"]).any()


def test_headings_can_be_left_out():
    assert picture.side_by_side(blank(), [], [], headings=False).size == (2 * 400 + GAP, 400)


def test_a_small_image_is_enlarged_and_its_boxes_with_it():
    drawn = picture.draw_boxes(blank(160, 80), [Box([40, 20, 30, 40], "clock")], COLOURS)
    assert drawn.size == (640, MIN_HEIGHT)
    rows, columns = np.nonzero(pixels(drawn, COLOURS["clock"])[80:240, :])
    assert (columns.min(), columns.max() + 1, rows.max() + 1 + 80) == (160, 280, 240)


def test_a_large_image_keeps_its_size():
    assert picture.draw_boxes(blank(700, 500), []).size == (700, 500)


def test_a_box_that_reaches_beyond_the_image_is_cut_to_it():
    drawn = picture.draw_boxes(blank(), [Box([-50, 200, 600, 500], "kite")], COLOURS)
    line = pixels(drawn, COLOURS["kite"])
    assert line[200 : 200 + LINE].all()
    assert line[399].all()
    assert line[200:, 0].all()


@pytest.mark.parametrize(
    "bbox", [[10, 10, 0, 0], [399.7, 399.7, 5, 5], [-20, -20, 5, 5], [50, 50, 1, 300], [0, 0, 3, 3]]
)
def test_boxes_of_hardly_any_size_and_outside_the_image_do_no_harm(bbox):
    assert picture.draw_boxes(blank(), [Box(bbox, "kite", 0.5)], COLOURS).size == (400, 400)


def test_the_line_of_a_crowds_box_is_dashed():
    drawn = picture.draw_boxes(blank(), [Box([100, 150, 200, 150], "kite", is_crowd=True)], COLOURS)
    edge = pixels(drawn, COLOURS["kite"])[300 - LINE // 2 - 1, 100:300]
    assert 0.3 < edge.mean() < 0.7


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK"])
def test_images_of_any_mode_are_drawn_on_in_colour(mode):
    drawn = picture.draw_boxes(blank().convert(mode), [Box([100, 150, 120, 80], "kite")], COLOURS)
    assert drawn.mode == "RGB"
    assert pixels(drawn, COLOURS["kite"])[150, 100:220].all()


def test_a_caption_tells_name_and_score():
    assert Box([0, 0, 1, 1], "stop sign", 0.876).caption == "stop sign 0.88"
    assert Box([0, 0, 1, 1], "stop sign").caption == "stop sign"
    assert Box([0, 0, 1, 1], "stop sign", is_crowd=True).caption == "stop sign (crowd)"


def test_a_caption_stands_above_its_box_and_inside_where_there_is_no_room_above():
    above = picture.draw_boxes(blank(), [Box([100, 150, 200, 200], "kite")], COLOURS)
    assert not pixels(above, GREY)[140, 105:115].any()
    assert pixels(above, GREY)[160:200, 110:290].all()
    at_the_top = picture.draw_boxes(blank(), [Box([100, 0, 200, 200], "kite")], COLOURS)
    assert not pixels(at_the_top, GREY)[10, 105:115].any()


def test_captions_of_boxes_in_one_place_do_not_cover_each_other():
    place = [100, 150, 200, 150]
    drawn = picture.draw_boxes(blank(), [Box(place, "kite", 0.9), Box(place, "clock", 0.8)], COLOURS)
    # The line of the second box hides the first one's, so the first one's colour is its caption's alone: the same
    # as when its box is elsewhere and alone.
    alone = picture.draw_boxes(blank(), [Box(place, "kite", 0.9)], COLOURS)
    caption = pixels(alone, COLOURS["kite"])
    caption[150:] = False
    assert pixels(drawn, COLOURS["kite"])[:149].sum() >= caption[:149].sum() > 500
    assert pixels(drawn, COLOURS["clock"]).sum() > pixels(alone, COLOURS["kite"])[150:].sum() + 500


def test_a_caption_hides_no_small_box_where_there_is_another_place_for_it():
    small = [[100, 150, 12, 12], [100, 168, 12, 12], [150, 140, 12, 12]]
    drawn = picture.draw_boxes(blank(), [Box(place, "kite") for place in small], COLOURS)
    for x, y, width, height in small:
        assert pixels(drawn, GREY)[y + 3 : y + height - 3, x + 3 : x + width - 3].all()


def test_captions_for_which_there_is_no_room_can_be_left_out():
    boxes = [Box([0, 0, 100, 25], "kite"), Box([0, 0, 100, 24], "clock")]  # in an image as high as one caption

    def caption_of(name: str, **options: bool) -> int:
        drawn = picture.draw_boxes(blank(100, 25), boxes, COLOURS, min_height=0, text_size=20, **options)
        return int(pixels(drawn, COLOURS[name]).sum())

    assert caption_of("clock") > 2 * caption_of("clock", every_caption=False)
    assert caption_of("kite", every_caption=False) > 2 * caption_of("kite")


def test_an_image_is_enlarged_no_further_than_asked_for():
    assert picture.draw_boxes(blank(100, 60), [], min_height=0).size == (100, 60)


def test_a_caption_wider_than_the_image_is_written_smaller():
    drawn = picture.draw_boxes(blank(60, 320), [Box([10, 100, 40, 100], "traffic light", 0.99)], COLOURS)
    assert drawn.size == (60, 320)


def test_the_categories_of_a_dataset_have_colours_of_their_own():
    colours = picture.colours_of(f"category {number}" for number in range(len(picture.COLOURS)))
    assert len(set(colours.values())) == len(picture.COLOURS) >= 10


def test_a_name_without_a_given_colour_has_the_same_one_in_every_picture():
    def line_colour(*boxes: Box) -> tuple[int, int, int]:
        return picture.draw_boxes(blank(), boxes).getpixel((200, 301))

    assert line_colour(Box([100, 300, 200, 60], "zebra")) == line_colour(
        Box([0, 0, 80, 80], "cat"), Box([100, 300, 200, 60], "zebra")
    )


def test_a_contact_sheet_shows_every_picture_row_by_row_on_white():
    paints = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    pictures = [Image.new("RGB", (50 + 10 * index, 40), paint) for index, paint in enumerate(paints)]
    sheet = picture.contact_sheet(pictures, columns=2)
    assert sheet.size == (70 + 60 + 3 * GAP, 2 * 40 + 3 * GAP)
    for part, paint in zip(pictures, paints, strict=True):
        assert pixels(sheet, paint).sum() == part.width * part.height
    rows = [np.nonzero(pixels(sheet, paint))[0].min() for paint in paints]
    columns = [np.nonzero(pixels(sheet, paint))[1].min() for paint in paints]
    assert rows[0] == rows[1] < rows[2]
    assert columns[0] < columns[1]
    assert sheet.getpixel((0, 0)) == picture.PAPER


def test_a_contact_sheets_title_stands_above_the_pictures():
    pictures = [Image.new("RGB", (300, 40), (200, 0, 0))]
    titled, plain = picture.contact_sheet(pictures, 3, "a title"), picture.contact_sheet(pictures, 3)
    assert titled.height > plain.height
    top = np.asarray(titled.crop((0, 0, titled.width, picture.TITLE_HEIGHT)))
    assert (top.min(axis=2) < 100).sum() > 50  # ink
