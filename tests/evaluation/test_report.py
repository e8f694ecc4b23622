"""The report keeps the latest evaluation of every graph: as data, as text, and as a page that needs nothing else."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todus import files
from todus.errors import UserError, WorldError
from todus.evaluation import confusion, origin, report, scoring
from todus.evaluation.confusion import NOTHING
from todus.evaluation.graphs import Graph
from todus.evaluation.matching import Pair
from todus.evaluation.report import entry as entries
from todus.evaluation.report import figures, store
from todus.evaluation.stored_detections import Stored
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model

NAMES = ("traffic light", "<car> & 'bus' $x_1$", "never seen")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path / "some-model")


@pytest.fixture(scope="session")
def validation(tmp_path_factory) -> ValidationSet:
    """Four images with two objects each, of two of three categories."""
    folder = tmp_path_factory.mktemp("images")
    images, boxes = [], []
    for number in range(1, 5):
        path = folder / f"{number:012}.jpg"
        Image.new("RGB", (320, 240), (40 * number, 120, 90)).save(path)
        images.append(({"id": number, "file_name": path.name, "width": 320, "height": 240}, path))
        for category, left in ((1, 10), (2, 150)):
            bbox = [left, 20, 100, 20 * number]
            boxes.append(
                {"image_id": number, "category_id": category, "bbox": bbox, "area": 2000 * number, "iscrowd": 0}
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES, start=1)]
    annotations = {"images": [image for image, _ in images], "categories": categories, "annotations": boxes}
    return ValidationSet("limited", annotations, images, "of these")


def detections(validation: ValidationSet, good: int) -> list[dict]:
    """Everything in the first `good` images, traffic lights taken for the second category in the others."""
    return [
        {
            "image_id": box["image_id"],
            "category_id": box["category_id"] if box["image_id"] <= good else 2,
            "bbox": box["bbox"],
            "score": 0.9 if box["image_id"] <= good else 0.8,
        }
        for box in validation.annotations["annotations"]
    ]


def add(
    model: Model,
    validation: ValidationSet,
    graph: str = "pretrained",
    good: int = 2,
    only=(),
    threshold=1e-8,
    made_of=None,
):
    validation = validation.only(only) if only else validation
    ids = {category["id"] for category in validation.annotations["categories"]}
    found = [one for one in detections(validation, good) if one["category_id"] in ids]
    scores = scoring.score(validation.annotations, found, validation.image_ids)
    one = Graph(graph, (), lambda: None, "model.ckpt-7")
    made_of = made_of or {"some/file": "1234"}
    entry = entries.make(model, one, validation, Stored(found, threshold), scores, made_of, only)
    return report.add(model, entries.name_of(graph, only), entry)


def changed(validation: ValidationSet, **fields) -> ValidationSet:
    return ValidationSet(**{**vars(validation), **fields})


def test_the_report_tells_what_was_measured_and_on_what(model, validation):
    whole = add(model, validation)
    assert whole == report.read(model) == json.loads(model.report.read_text())
    entry = whole["pretrained"]
    assert entry["summary"]["AP50"] == pytest.approx((0.5 + 4 / 6) / 2, abs=0.1)
    assert entry["summary"]["AP_small"] is None
    assert entry["sizes"] == {"small": 0, "medium": 8, "large": 0}
    assert entry["categories"]["never seen"] == {"AP": None, "AP50": None, "AR_100": None, "boxes": 0}
    assert entry["confusion"]["counts"]["traffic light"] == {"traffic light": 2, NAMES[1]: 2}
    assert entry["confusion"]["counts"][NOTHING] == {}
    assert [(one["image"], one["missed"], one["false"]) for one in entry["worst"]] == [
        ("000000000003.jpg", 1, 1),
        ("000000000004.jpg", 1, 1),
    ]
    facts = {"dataset": "limited", "images": 4, "score_threshold": 1e-8, "checkpoint": "model.ckpt-7", "only": []}
    assert facts.items() <= entry.items()
    assert {"todus", "tensorflow", "faster-coco-eval"} == set(entry["versions"])
    assert "unknown" not in entry["versions"].values()


def test_several_graphs_are_kept_and_a_new_evaluation_takes_the_old_one_s_place(model, validation):
    add(model, validation)
    add(model, validation, "model.ckpt-0", good=1)
    whole = add(model, validation, good=4, threshold=0.3)
    assert list(whole) == ["model.ckpt-0", "pretrained"]
    assert whole["pretrained"]["summary"]["AP"] == pytest.approx(1)
    assert whole["pretrained"]["score_threshold"] == 0.3
    assert whole["model.ckpt-0"]["summary"]["AP"] < 0.6


@pytest.mark.parametrize("other", [{"name": "complete"}, {"fingerprint": "of others"}, {"images": 3}], ids=str)
def test_evaluations_on_another_ground_truth_do_not_stay_beside_a_new_one(model, validation, other):
    add(model, validation)
    if "images" in other:
        other = {"images": validation.images[:3]}
    assert list(add(model, changed(validation, **other), "exported")) == ["exported"]
    assert not model.curves("pretrained").exists()
    assert not model.worst_images("pretrained").exists()
    assert model.curves("exported").is_file()


@pytest.mark.parametrize("change", [lambda path: path.write_text("a new one"), Path.unlink], ids=["changed", "gone"])
def test_evaluations_of_a_checkpoint_that_is_no_more_as_it_was_go_with_all_that_they_left(model, validation, change):
    file = model.training / "model.ckpt-5.index"
    files.write_text(file, "weights")
    made_of = origin.made_of([file], model)
    files.write_json(model.detections("model.ckpt-5"), [])
    files.write_json(model.detections_origin("model.ckpt-5"), {})
    add(model, validation, "model.ckpt-5", made_of=made_of)
    assert list(add(model, validation)) == ["model.ckpt-5", "pretrained"]
    left = [path(model, "model.ckpt-5") for path in (Model.detections, Model.detections_origin, Model.curves)]
    left.append(model.worst_images("model.ckpt-5"))
    assert all(path.exists() for path in left)
    change(file)
    assert list(add(model, validation)) == ["pretrained"]
    assert not any(path.exists() for path in left)


def test_two_evaluations_at_once_both_come_into_the_report(model, validation):
    """The second one waits for the first."""
    names = [f"model.ckpt-{number}" for number in range(4)]
    made = [add(model, validation, name)[name] for name in names]
    model.report.unlink()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name, entry: report.add(model, name, entry), names, made))
    assert set(report.read(model)) == set(names)


def test_a_report_that_another_does_not_let_go_of_is_an_error_of_the_world(model, validation, monkeypatch):
    whole = add(model, validation)
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    with files.locked(model.evaluation), pytest.raises(WorldError, match="at work in"):
        report.add(model, "exported", whole["pretrained"])
    assert list(report.read(model)) == ["pretrained"]


def test_a_category_called_nothing_is_one_like_any_other():
    truth = {"category_id": 1}
    names, counts = confusion.matrix([Pair(truth, None), Pair(truth, truth)], [{"id": 1, "name": "nothing"}])
    assert names == ["nothing", NOTHING]
    assert counts.tolist() == [[1, 1], [0, 0]]


def test_a_score_of_some_categories_does_not_replace_that_of_all(model, validation):
    add(model, validation)
    whole = add(model, validation, only=["traffic light"], good=4)
    assert list(whole) == ["pretrained", "pretrained [traffic light]"]
    assert whole["pretrained"]["summary"]["AP"] < whole["pretrained [traffic light]"]["summary"]["AP"]
    assert list(whole["pretrained [traffic light]"]["categories"]) == ["traffic light"]
    text = model.report.with_suffix(".md").read_text()
    assert "## Dataset limited: 4 validation images\n" in text
    assert "## Dataset limited: 4 validation images, only traffic light\n" in text


def test_a_damaged_report_is_begun_anew_and_refused_to_those_who_read_it(model, validation, capsys):
    model.evaluation.mkdir(parents=True)
    for content in ('{"pretrained": {', "[]", '{"a": 1}'):
        model.report.write_text(content)
        with pytest.raises(UserError, match="damaged; delete it"):
            report.read(model)
        assert list(add(model, validation)) == ["pretrained"]
        assert "damaged, and begun anew" in capsys.readouterr().out


def test_entries_of_an_older_form_do_not_stay(model, validation):
    model.evaluation.mkdir(parents=True)
    model.report.write_text(json.dumps({"exported": {"dataset": "limited", "images": 4, "summary": {"AP": 0.5}}}))
    assert list(add(model, validation)) == ["pretrained"]


def test_two_graphs_are_set_side_by_side(model, validation):
    add(model, validation, good=2)
    whole = add(model, validation, "exported", good=4, threshold=None)
    table = figures.side_by_side(whole)
    assert table.head == ["figure", "pretrained", "exported"]
    assert len(table.rows) == 13
    assert table.rows[1] == ["AP50", figures.percent(whole["pretrained"]["summary"]["AP50"]), "100.0"]
    assert table.rows[3] == ["AP small", "n/a", "n/a"]
    assert table.rows[-1] == ["score threshold", "1e-08", "unknown"]
    assert figures.categories_side_by_side(whole).rows[2] == ["never seen", "0", "n/a", "n/a"]


def test_the_text_is_markdown_in_line_and_links_to_what_is_there(model, validation):
    add(model, validation, "file with spaces.pb")
    text = model.report.with_suffix(".md").read_text()
    assert "| traffic light       | 50.5 | 50.5 |   50.0 |     4 |" in text
    assert "- checkpoint: model.ckpt-7\n- score threshold: 1e-08\n" in text
    links = re.findall(r"\]\(<(.+?)>\)", text)
    assert len(links) == 3
    assert all((model.evaluation / link).is_file() for link in links)


def test_many_categories_have_a_list_of_confusions_in_place_of_a_matrix():
    names = [f"name {number}" for number in range(30)]
    counts = {name: {name: 5, NOTHING: 2} for name in names} | {NOTHING: {"name 1": 9}}
    counts["name 3"]["name 4"] = 3
    counts["name 5"]["name 6"] = 4
    table = figures.confusion({"confusion": {"counts": counts}})
    assert table.rows == [["name 5", "name 6", "4"], ["name 3", "name 4", "3"]]


def test_curves_do_not_depend_on_the_time_and_survive_odd_names(model, validation):
    add(model, validation)
    before = model.curves("pretrained").read_bytes()
    add(model, validation)
    assert model.curves("pretrained").read_bytes() == before
    add(model, validation, good=4)
    assert model.curves("pretrained").read_bytes() != before


@pytest.mark.parametrize("count", [0, 1, 13, 80])
def test_any_number_of_curves_can_be_drawn(tmp_path, count):
    from todus.evaluation.report import curves

    curves.draw({f"name {k}": np.linspace(1, 0, 101) for k in range(count)}, "some", tmp_path / "some.png")
    with Image.open(tmp_path / "some.png") as drawn:
        assert drawn.width > 600


class Page(HTMLParser):
    """What a page shows and what it refers to."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.references, self.styles, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "data", "action", "poster", "background"):
                self.references.append(value)
            assert not name.startswith("on"), "a script"
            if name == "style":
                self.styles.append(value)

    def handle_data(self, data):
        self.text += data


def test_the_page_is_self_contained(model, validation):
    add(model, validation)
    add(model, validation, "exported", good=1)
    page = Page(model.report_page.read_text(encoding="utf-8"))
    assert "script" not in page.tags and "link" not in page.tags and "iframe" not in page.tags
    assert page.tags.count("img") == len(page.references) == 2 + 2 + 3  # curves of two graphs, worst images of each
    for reference in page.references:
        kind, encoded = reference.split(";base64,")
        with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as picture:
            picture.load()
            assert kind == f"data:image/{picture.format.lower()}"
    assert not re.search(r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]*", "", model.report_page.read_text()))
    assert NAMES[1] in page.text, "names are shown as they are"
    assert any("rgba(230, 159, 0" in style for style in page.styles)
    assert "viewport" in model.report_page.read_text()
    assert "prefers-color-scheme: dark" in page.text


def test_the_page_does_not_grow_with_every_checkpoint(model, validation):
    for step in range(6):
        add(model, validation, f"model.ckpt-{step}")
    page = Page(model.report_page.read_text(encoding="utf-8"))
    assert page.tags.count("details") == 6
    assert page.tags.count("img") == 6 + 4 * 2  # all curves, the worst images of the latest four


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
browser = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.mark.skipif(browser is None, reason=f"none of these browsers is there: {', '.join(BROWSERS)}")
def test_a_browser_shows_the_page(model, validation, tmp_path):
    add(model, validation)
    drawn = tmp_path / "page.png"
    page = f"{model.report_page.as_uri()}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=420,3000"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    shown = subprocess.run(
        [browser, *options, profile, f"--screenshot={drawn}", page], capture_output=True, text=True, timeout=120
    )
    assert drawn.is_file(), shown.stderr
    with Image.open(drawn) as picture:
        colours = picture.convert("RGB").getcolors(1 << 24)
    # The colours of two of the images, which are drawn in the worst ones: the pictures are really shown.
    for red in (120, 160):
        near = sum(n for n, c in colours if max(abs(a - b) for a, b in zip(c, (red, 120, 90), strict=True)) < 6)
        assert near > 2000
