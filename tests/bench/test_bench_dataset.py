"""make bench-dataset, with few images: every job runs and its figures are those of real work."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from todus.bench import dataset, full_size, measured
from todus.errors import UserError, WorldError

IMAGES = 30


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    work = tmp_path_factory.mktemp("bench")
    return dataset.drawn_sample(work, images=12)


def test_the_sample_is_repeated_under_new_names(sample, tmp_path):
    annotation_file, folder = dataset.repeated(sample, tmp_path / "images", IMAGES)
    whole = json.loads(annotation_file.read_text())
    names = sorted(image["file_name"] for image in whole["images"])
    assert names == sorted(path.name for path in folder.iterdir())
    assert len(set(names)) == len({image["id"] for image in whole["images"]}) == IMAGES
    assert len({annotation["id"] for annotation in whole["annotations"]}) == len(whole["annotations"])
    assert {a["image_id"] for a in whole["annotations"]} <= {image["id"] for image in whole["images"]}


def test_a_folder_that_is_no_sample_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no annotations/instances_train2017\.json"):
        dataset.repeated(tmp_path / "empty", tmp_path / "images", IMAGES)


def ratios(table: str) -> list[float]:
    return [float(text) for text in re.findall(r"([\d.]+) x \|", table)]


def test_records(sample, tmp_path):
    table = dataset.records(tmp_path, sample, IMAGES, runs=1)
    assert len(ratios(table)) == 3
    for job in ("api-records", "our-records"):
        for masks in ("boxes", "masks"):
            written = list((tmp_path / f"{job}-{masks}-0").iterdir())
            assert sum(path.stat().st_size > 0 for path in written) == IMAGES


def test_filter(tmp_path, monkeypatch):
    def small(path):
        monkeypatch.setattr(full_size, "IMAGES", 100)
        monkeypatch.setattr(full_size, "ANNOTATIONS", 500)
        return write(path)

    write = full_size.write
    monkeypatch.setattr(full_size, "write", small)
    table = dataset.annotations(tmp_path, runs=1)
    assert "500 annotations" in table
    assert len(ratios(table)) == 2


def test_fetch(sample, tmp_path):
    table = dataset.fetching(tmp_path, sample, IMAGES, runs=1)
    assert len(ratios(table)) == 3
    for faults in ("0.0", "0.05"):
        assert len(list((tmp_path / f"our-fetch-{faults}-0").iterdir())) == IMAGES


def test_a_job_that_fails_says_why(tmp_path):
    with pytest.raises(WorldError, match=r"todus\.bench\.jobs failed: .*gone\.json"):
        measured.run("todus.bench.jobs", "our-filter", tmp_path / "gone.json", tmp_path / "out.json")


@pytest.mark.parametrize(
    "arguments", [(), ("our-records", "a", "b", "c"), ("our-records", "a", "b", "c", "--masks"), ("dance",)]
)
def test_a_job_that_is_called_wrongly_says_so_in_a_line(arguments):
    with measured.start("todus.bench.jobs", *arguments, stderr=subprocess.PIPE) as process:
        said = process.communicate()[1]
    assert process.returncode == 2
    assert said.startswith("todus: ") and len(said.splitlines()) == 1


def test_files_that_did_not_come_are_not_counted(tmp_path):
    for folder in ("from", "to"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.jpg").write_bytes(b"1")
    dataset.require_intact(tmp_path / "to", tmp_path / "from", ["1.jpg"])
    with pytest.raises(UserError, match="1 of 2 files came"):
        dataset.require_intact(tmp_path / "to", tmp_path / "from", ["1.jpg", "2.jpg"])
    (tmp_path / "to" / "1.jpg").write_bytes(b"2")
    with pytest.raises(UserError, match="1 of 1 files are not intact"):
        dataset.require_intact(tmp_path / "to", tmp_path / "from", ["1.jpg"])


def test_peak_memory_and_seconds_are_those_of_the_process():
    run = measured.run("timeit", "-n", "1", "-r", "1", "b'x' * 300_000_000")
    assert run.peak_bytes > 300_000_000
    assert run.seconds > 0
    assert "loop" in run.output


def test_drawn_images_stand_in_for_photographs(sample):
    assert (sample / "annotations" / "instances_train2017.json").is_file()
    assert len(list((sample / "train2017").iterdir())) == 12
