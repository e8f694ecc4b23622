"""Where drawings go: each under its own name, and never over a file that make detect has not made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todus.detecting import drawing, image_file, inputs, outputs
from todus.detecting.results import InputError
from todus.errors import UserError, WorldError


def names(folder: Path, output: Path) -> dict[str, str]:
    chosen = outputs.targets(inputs.find(str(folder), output), output)
    return {str(image.relative_to(folder)): str(target.relative_to(output)) for image, target in chosen.items()}


def lay_out(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_images_keep_their_names_and_places(tmp_path: Path) -> None:
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
    made = {"film.mov": "film.mov.mp4", "film.mp4": "film.mp4", "film.MP4": "film.MP4"}
    lay_out(tmp_path / "in", *made)
    for name, wanted in made.items():
        found = inputs.find(str(tmp_path / "in" / name), tmp_path / "out")
        assert list(outputs.targets(found, tmp_path / "out").values()) == [tmp_path / "out" / wanted]


def test_the_folder_of_the_images_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = lay_out(tmp_path / "photos", "a.jpg")
    (tmp_path / "link").symlink_to("photos")
    monkeypatch.chdir(photos)
    for image, output in ((photos, Path()), (photos / "a.jpg", photos), (tmp_path / "link", photos)):
        with pytest.raises(UserError, match="the folder of the images themselves; name another OUTPUT"):
            outputs.targets(inputs.find(str(image), Path("elsewhere")), output)


@pytest.mark.parametrize("in_the_way", ["out", "out/sub", "out/sub/deep", "a link"])
def test_a_file_where_a_folder_must_be_is_refused(tmp_path: Path, in_the_way: str) -> None:
    photos, output = lay_out(tmp_path / "photos", "sub/deep/a.jpg"), tmp_path / "out"
    if in_the_way == "a link":
        output.symlink_to("nowhere")
    else:
        lay_out(tmp_path, in_the_way)
    with pytest.raises(UserError, match="is no folder; name another OUTPUT, or move it away"):
        outputs.targets(inputs.find(str(photos), output), output)
    with pytest.raises(InputError, match="a file is where its folder must be"):  # should it come there later
        outputs.save(Image.new("RGB", (4, 4)), output / "sub" / "deep" / "a.jpg")
    with (
        pytest.raises(InputError, match="a file is where its folder must be"),
        outputs.video_file(output / "sub" / "deep" / "a.mp4"),
    ):
        pass


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.png", "film.mp4"])
def test_only_files_of_its_own_are_replaced(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path, f"in/{name}")
    found, target = inputs.find(str(tmp_path / "in" / name), tmp_path / "out"), tmp_path / "out" / name
    target.parent.mkdir()
    target.write_bytes(b"one of the user's own")
    with pytest.raises(UserError, match="was not made by make detect; name another OUTPUT, or move it away"):
        outputs.targets(found, tmp_path / "out")
    target.unlink()
    if name == "film.mp4":
        with outputs.video_file(target) as file:
            file.write_bytes(bytes(10_000))
    else:
        assert outputs.save(Image.effect_noise((400, 300), 50).convert("RGB"), target) == target.stat().st_size
        assert Image.open(target).format == ("PNG" if name == "a.png" else "JPEG")
    assert target.stat().st_size >= 10_000, "the mark has to be found in a file of any length"
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


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_colour_profile_stays_and_hides_no_mark(tmp_path: Path, suffix: str) -> None:
    profile = np.random.default_rng(0).bytes(100_000)
    Image.new("RGB", (40, 24)).save(tmp_path / f"in.{suffix}", icc_profile=profile)
    made = tmp_path / "out" / f"made.{suffix}"
    outputs.save(drawing.draw(image_file.read(tmp_path / f"in.{suffix}"), [], {}), made)
    assert Image.open(made).info["icc_profile"] == profile
    assert outputs.is_ours(made) and not outputs.is_ours(tmp_path / f"in.{suffix}")


@pytest.mark.parametrize("mode", ["CMYK", "L", "LAB", "I;16"])
def test_a_colour_profile_of_other_colours_goes_with_them(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (40, 24)).save(tmp_path / "in.tif", icc_profile=np.random.default_rng(0).bytes(100_000))
    made = tmp_path / "out" / "in.tif.png"
    outputs.save(drawing.draw(image_file.read(tmp_path / "in.tif"), [], {}), made)
    assert "icc_profile" not in Image.open(made).info
    assert outputs.is_ours(made)


@pytest.mark.parametrize("length", [220, 240, 251])  # with the temporary name, with `.unfinished-`, with `.png`
def test_a_name_that_is_too_long_is_the_failure_of_one_image(tmp_path: Path, length: int) -> None:
    photos, output = lay_out(tmp_path / "photos", "a.jpg", f"{length * 'a'}.bmp"), tmp_path / "out"
    good, bad = outputs.targets(inputs.find(str(photos), output), output).values()
    assert outputs.save(Image.new("RGB", (4, 4)), good)
    if length == 220:
        assert outputs.save(Image.new("RGB", (4, 4)), bad)
    else:
        with pytest.raises(InputError, match="its name is too long"):
            outputs.save(Image.new("RGB", (4, 4)), bad)


@pytest.mark.parametrize("length", [228, 240, 251])
def test_so_it_is_of_a_video(tmp_path: Path, length: int) -> None:
    lay_out(tmp_path, f"in/{length * 'a'}.mov")
    found = inputs.find(str(tmp_path / "in" / f"{length * 'a'}.mov"), tmp_path / "out")
    (target,) = outputs.targets(found, tmp_path / "out").values()
    with pytest.raises(InputError, match="its name is too long"), outputs.video_file(target):
        pass
    assert not any((tmp_path / "out").iterdir())


def test_a_folder_that_may_not_be_written_to_is_told_as_such() -> None:
    where = Path("/proc/sys")  # not even by root
    with pytest.raises(WorldError, match=r"cannot be written \(.+\); name another OUTPUT"):
        outputs.save(Image.new("RGB", (4, 4)), where / "a.png")
    with (
        pytest.raises(WorldError, match=r"cannot be written \(.+\); name another OUTPUT"),
        outputs.video_file(where / "film.mp4"),
    ):
        pass


def test_a_video_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), outputs.video_file(tmp_path / "out" / "film.mp4") as file:
        file.write_bytes(b"half")
        raise KeyboardInterrupt
    assert list((tmp_path / "out").iterdir()) == []
