"""IMAGE: a picture, a folder with all below it, or a video; and what is said where it is none of these."""

from __future__ import annotations

from pathlib import Path

import pytest

from todus.detecting import inputs
from todus.errors import UserError


def lay_out(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_folder_is_walked_and_only_pictures_are_taken(tmp_path: Path) -> None:
    names = ["b.JPG", "a.png", "notes.txt", "film.mp4", "deep/er/c.tiff", "deep/x.webp", ".hidden.jpg", ".thumbs/t.jpg"]
    found = inputs.find(str(lay_out(tmp_path / "photos", *names)), tmp_path / "out")
    relative = [str(path.relative_to(tmp_path / "photos")) for path in found.photos]
    assert relative == ["a.png", "b.JPG", "deep/x.webp", "deep/er/c.tiff"]
    assert (found.passed_over, found.video, found.closed) == (3, None, ())


def test_paths_are_as_the_user_wrote_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, "photos/a.png")
    monkeypatch.chdir(tmp_path)
    assert inputs.find("photos", tmp_path / "out").photos == (Path("photos/a.png"),)
    assert inputs.find("photos/a.png", tmp_path / "out").photos == (Path("photos/a.png"),)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert inputs.find("~/photos", tmp_path / "out").photos == (tmp_path / "photos/a.png",)


def test_what_was_drawn_before_is_not_looked_at(tmp_path: Path) -> None:
    lay_out(tmp_path, "a.png", "drawn/a.png", "drawn/deep/a.png")
    assert inputs.find(str(tmp_path), tmp_path / "drawn").photos == (tmp_path / "a.png",)


def test_links_to_pictures_are_followed_and_broken_ones_told_of_later(tmp_path: Path) -> None:
    lay_out(tmp_path, "elsewhere/a.png", "photos/b.png")
    (tmp_path / "photos/link.png").symlink_to("../elsewhere/a.png")
    (tmp_path / "photos/nothing.png").symlink_to("nowhere.png")
    (tmp_path / "photos/round").symlink_to(".")
    found = inputs.find(str(tmp_path / "photos"), tmp_path / "out")
    assert [path.name for path in found.photos] == ["b.png", "link.png", "nothing.png"]


def test_one_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    lay_out(tmp_path, "picture", "film.MOV")
    assert inputs.find(str(tmp_path / "picture"), tmp_path / "out").photos == (tmp_path / "picture",)
    film = inputs.find(str(tmp_path / "film.MOV"), tmp_path / "out")
    assert (film.video, film.photos) == (tmp_path / "film.MOV", ())


def test_a_mistake_is_one_line_that_says_what_it_takes(tmp_path: Path) -> None:
    lay_out(tmp_path, "empty/notes.txt", "empty/film.mp4")
    for image, words in (
        ("", "IMAGE is not given; IMAGE takes a picture, a folder of pictures, or a video"),
        (str(tmp_path / "nope.jpg"), "nope.jpg is not there; IMAGE takes"),
        (str(tmp_path / "empty"), "holds no picture (2 other files); pictures end in .bmp"),
        ("/dev/null", "is neither a file nor a folder"),
    ):
        with pytest.raises(UserError) as caught:
            inputs.find(image, tmp_path / "out")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
