"""A trained little model, and a device: a Python environment that has nothing but what a kit's README installs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import on_device
import pytest
from PIL import Image

from support import NAME
from todus import layout
from todus.converting import onnx, tflite
from todus.converting.onnx_facts import Form
from todus.device_kit import kit

ORIENTATION, TO_BE_TURNED = 0x0112, 6


@pytest.fixture(scope="session")
def photos(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Images of several sizes and kinds, smaller and larger than the network's; one is upright only by its EXIF."""
    folder = tmp_path_factory.mktemp("photos")
    drawn = [Image.open(path) for path in sorted(prepared.raw_data.images("val").glob("*.jpg"))[:4]]
    for i, image in enumerate(drawn):
        image.save(folder / f"drawn-{i}.png")
    drawn[0].resize((1733, 1200)).save(folder / "large.png")
    drawn[1].resize((61, 47)).save(folder / "small.png")
    drawn[2].resize((96, 96)).save(folder / "size of the network.png")
    drawn[3].convert("L").save(folder / "grey.png")
    shades = np.asarray(drawn[1].convert("L")).astype(np.uint16)
    Image.fromarray(20000 + 150 * shades).save(folder / "grey of 16 bits.png")
    holes = drawn[2].convert("RGBA")
    holes.putalpha(drawn[3].convert("L").resize(holes.size))
    holes.save(folder / "transparent.png")
    exif = Image.Exif()
    exif[ORIENTATION] = TO_BE_TURNED
    drawn[0].transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png", exif=exif)
    return sorted(folder.iterdir())


def copy_of(home: layout.Home, folder: Path) -> layout.Model:
    """The model of a copy of the tree, to do with as one likes."""
    shutil.copytree(home.folder, folder)
    return layout.Home(folder).model(NAME)


@pytest.fixture(scope="module")
def model(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Model:
    """A model that the tests of a module change in turn."""
    return copy_of(prepared, tmp_path_factory.mktemp("kits") / "tree")


@pytest.fixture(scope="session")
def plain_kit(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit that comes of a model if nothing is asked for: TensorFlow Lite, float32."""
    model = copy_of(prepared, tmp_path_factory.mktemp("plain") / "tree")
    tflite.convert(model)
    kit.make(model)
    return model.device_kit("tflite")


@pytest.fixture(scope="session")
def raw_onnx(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as ONNX with raw boxes and scores, for normalised images, channels first; its kit is beside it."""
    model = copy_of(prepared, tmp_path_factory.mktemp("raw") / "tree")
    onnx.convert(model, form=Form("none", "float", "nchw"))
    kit.make(model, "onnx")
    return model.onnx


@pytest.fixture(scope="session")
def device(plain_kit: Path, raw_onnx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an environment that the kits' own commands have made; it has their packages and no other."""
    folder = tmp_path_factory.mktemp("device")
    for of in (plain_kit, raw_onnx.with_name("device-kit-onnx")):
        shutil.copy(of / "requirements.txt", folder)
        setup, _ = on_device.commands(of)
        subprocess.run(["bash", "-c", setup], cwd=folder, check=True, env=on_device.bare_environment(), timeout=300)
    return folder / ".venv" / "bin" / "python"
