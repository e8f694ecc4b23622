"""IMAGE: an image, a folder with all below it, or a video; and what is said where it is none of these."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todus.detecting import inputs
from todus.detecting.video import VideoWriter
from todus.errors import UserError


def lay_out(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_folder_is_walked_and_only_images_are_taken(tmp_path: Path) -> None:
    names = ["b.JPG", "a.png", "notes.txt", "film.mp4", "deep/er/c.tiff", "deep/x.webp", ".hidden.jpg", ".thumbs/t.jpg"]
    found = inputs.find(str(lay_out(tmp_path / "photos", *names)), tmp_path / "out")
    relative = [str(path.relative_to(tmp_path / "photos")) for path in found.images]
    assert relative == ["a.png", "b.JPG", "deep/x.webp", "deep/er/c.tiff"]
    assert (found.passed_over, found.video, found.closed) == (3, None, ())


def test_paths_are_as_the_user_wrote_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, "photos/a.png")
    monkeypatch.chdir(tmp_path)
    assert inputs.find("photos", tmp_path / "out").images == (Path("photos/a.png"),)
    assert inputs.find("photos/a.png", tmp_path / "out").images == (Path("photos/a.png"),)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert inputs.find("~/photos", tmp_path / "out").images == (tmp_path / "photos/a.png",)


def test_what_was_drawn_before_is_not_looked_at(tmp_path: Path) -> None:
    lay_out(tmp_path, "a.png", "drawn/a.png", "drawn/deep/a.png")
    assert inputs.find(str(tmp_path), tmp_path / "drawn").images == (tmp_path / "a.png",)


def test_links_to_images_are_followed_and_broken_ones_told_of_later(tmp_path: Path) -> None:
    lay_out(tmp_path, "elsewhere/a.png", "photos/b.png")
    (tmp_path / "photos/link.png").symlink_to("../elsewhere/a.png")
    (tmp_path / "photos/nothing.png").symlink_to("nowhere.png")
    (tmp_path / "photos/round").symlink_to(".")
    found = inputs.find(str(tmp_path / "photos"), tmp_path / "out")
    assert [path.name for path in found.images] == ["b.png", "link.png", "nothing.png"]


def test_one_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    Image.new("RGB", (40, 24)).save(tmp_path / "scan", "PNG")
    (tmp_path / "scan.old").write_bytes((tmp_path / "scan").read_bytes()[:60])  # cut off; to be told of later
    for name in ("scan", "scan.old"):
        assert inputs.find(str(tmp_path / name), tmp_path / "out").images == (tmp_path / name,)
    with contextlib.closing(VideoWriter(tmp_path / "film.mp4", 10.0)) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
    for name in ("film.ogv", "film"):
        shutil.copy(tmp_path / "film.mp4", tmp_path / name)
        found = inputs.find(str(tmp_path / name), tmp_path / "out")
        assert (found.video, found.images) == (tmp_path / name, ())


def test_what_its_name_tells_is_not_looked_into(tmp_path: Path) -> None:
    lay_out(tmp_path, "film.MOV", "scan.TIF")
    assert inputs.find(str(tmp_path / "film.MOV"), tmp_path / "out").video == tmp_path / "film.MOV"
    assert inputs.find(str(tmp_path / "scan.TIF"), tmp_path / "out").images == (tmp_path / "scan.TIF",)


@pytest.mark.parametrize("name", ["notes.txt", "data"])  # FFmpeg would show the first as a video of text
@pytest.mark.parametrize("content", [b"", 100 * b"hello\n", bytes(5000)])
def test_a_file_that_is_neither_is_told_what_is_taken(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="is neither a JPEG, PNG, BMP, WebP, GIF or TIFF image nor a video that OpenCV"):
        inputs.find(str(tmp_path / name), tmp_path / "out")


def test_a_tilde_that_names_no_user_is_part_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lay_out(tmp_path, "~backup.jpg"))
    assert inputs.find("~backup.jpg", tmp_path / "out").images == (Path("~backup.jpg"),)
    with pytest.raises(UserError, match=r"IMAGE=~nobody of this name/a\.jpg is not there"):
        inputs.find("~nobody of this name/a.jpg", tmp_path / "out")


def test_a_mistake_is_one_line_that_says_what_it_takes(tmp_path: Path) -> None:
    lay_out(tmp_path, "empty/notes.txt", "empty/film.mp4")
    for image, words in (
        ("", "IMAGE is not given; IMAGE takes an image, a folder of images, or a video"),
        (str(tmp_path / "nope.jpg"), "nope.jpg is not there; IMAGE takes"),
        (str(tmp_path / "empty"), "holds no image (2 other files); images end in .bmp"),
        ("/dev/null", "is neither a file nor a folder"),
    ):
        with pytest.raises(UserError) as caught:
            inputs.find(image, tmp_path / "out")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
