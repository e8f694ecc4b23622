"""Where the pictures go: each under its own name, and never over a file that make detect has not made."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from todus.detecting import inputs, outputs
from todus.detecting.inputs import InputError
from todus.errors import UserError


def names(folder: Path, output: Path) -> dict[str, str]:
    chosen = outputs.targets(inputs.find(str(folder), output), output)
    return {str(photo.relative_to(folder)): str(target.relative_to(output)) for photo, target in chosen.items()}


def lay_out(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_pictures_keep_their_names_and_places(tmp_path: Path) -> None:
    photos = lay_out(tmp_path / "photos", "a.jpg", "one/a.jpg", "two/a.jpg", "a.PNG", "a.bmp", "a.webp", "a.bmp.png")
    assert names(photos, tmp_path / "out") == {
        "a.jpg": "a.jpg",
        "one/a.jpg": "one/a.jpg",
        "two/a.jpg": "two/a.jpg",
        "a.PNG": "a.PNG",
        "a.bmp": "a.bmp.png",
        "a.bmp.png": "a.bmp.png.png",
        "a.webp": "a.webp.png",
    }


def test_a_video_becomes_an_mp4(tmp_path: Path) -> None:
    lay_out(tmp_path, "in/film.mov")
    found = inputs.find(str(tmp_path / "in/film.mov"), tmp_path / "out")
    assert list(outputs.targets(found, tmp_path / "out").values()) == [tmp_path / "out" / "film.mp4"]


def test_the_folder_of_the_images_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = lay_out(tmp_path / "photos", "a.jpg")
    (tmp_path / "link").symlink_to("photos")
    monkeypatch.chdir(photos)
    for image, output in ((photos, Path()), (photos / "a.jpg", photos), (tmp_path / "link", photos)):
        with pytest.raises(UserError, match="the folder of the images themselves; name another OUTPUT"):
            outputs.targets(inputs.find(str(image), Path("elsewhere")), output)
    with pytest.raises(UserError, match="is a file; name another OUTPUT"):
        outputs.targets(inputs.find(str(photos), tmp_path), photos / "a.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.png", "film.mp4"])
def test_only_files_of_its_own_are_replaced(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path, f"in/{name}")
    found, target = inputs.find(str(tmp_path / "in" / name), tmp_path / "out"), tmp_path / "out" / name
    target.parent.mkdir()
    target.write_bytes(b"a picture of the user's own")
    with pytest.raises(UserError, match="was not made by make detect; name another OUTPUT, or move it away"):
        outputs.targets(found, tmp_path / "out")
    target.unlink()
    if name == "film.mp4":
        with outputs.video_file(target) as file:
            file.write_bytes(bytes(10_000))
    else:
        assert outputs.save(Image.effect_noise((400, 300), 50).convert("RGB"), target) == target.stat().st_size
        assert Image.open(target).format == ("PNG" if name == "a.png" else "JPEG")
    assert target.stat().st_size > 8192, "the mark has to be found in a file of any length"
    assert outputs.targets(found, tmp_path / "out") == {tmp_path / "in" / name: target}


def test_a_folder_or_a_link_in_the_way_is_no_file_of_its_own(tmp_path: Path) -> None:
    lay_out(tmp_path, "in/a.jpg")
    (tmp_path / "out" / "a.jpg").mkdir(parents=True)
    found = inputs.find(str(tmp_path / "in/a.jpg"), tmp_path / "out")
    with pytest.raises(UserError, match="was not made by make detect"):
        outputs.targets(found, tmp_path / "out")
    (tmp_path / "out" / "a.jpg").rmdir()
    (tmp_path / "out" / "a.jpg").symlink_to("../in/a.jpg")
    with pytest.raises(UserError, match="was not made by make detect"):
        outputs.targets(found, tmp_path / "out")


def test_a_name_without_room_for_a_temporary_one_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its name is too long"):
        outputs.save(Image.new("RGB", (4, 4)), tmp_path / f"{240 * 'a'}.png")


def test_a_video_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), outputs.video_file(tmp_path / "out" / "film.mp4") as file:
        file.write_bytes(b"half")
        raise KeyboardInterrupt
    assert list((tmp_path / "out").iterdir()) == []
