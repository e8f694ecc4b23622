"""The zoo's archives: where they come from, and that only what they ought to hold gets out of them."""

from __future__ import annotations

import io
import random
import socket
import tarfile
from pathlib import Path

import pytest

from todus.demo import mirror
from todus.errors import UserError
from todus.layout import Home, Model
from todus.zoo import archive, catalogue

NAME = "ssd_mobilenet_v2_coco_2018_03_29"
SHIPPED = b"# as shipped, to the byte\r\nmodel { ssd { num_classes: 90 } }  "
FILES = {
    "pipeline.config": SHIPPED,
    "checkpoint": b'model_checkpoint_path: "model.ckpt"',
    "model.ckpt.index": b"index",
    "model.ckpt.data-00000-of-00001": random.Random(1).randbytes(100_000),
    "saved_model/saved_model.pb": b"saved model",
}
NOBODY = "http://127.0.0.1:9/nobody-there"


def pack(path: Path, files: dict[str, bytes], top: str = "", *more: tarfile.TarInfo) -> Path:
    """Write a .tar.gz with `files` below the folder `top`, and the members `more` as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top}{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in more:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def special(name: str, kind: bytes, target: str = "", size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, size
    return member


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def model(tmp_path) -> Model:
    return Model(tmp_path / "tree" / "model" / NAME)


UNPACKED = {**{n: c for n, c in FILES.items() if n != "pipeline.config"}, "pipeline.config.zoo": SHIPPED}


@pytest.mark.parametrize("top", [f"{NAME}/", "", "./", f"export/2018/{NAME}/"])
def test_the_model_s_files_arrive_as_shipped_whatever_folder_they_were_in(top, model, tmp_path):
    archive.unpack(pack(tmp_path / "a.tar.gz", FILES, top), model)
    assert contents(model.pretrained) == UNPACKED
    assert not model.pipeline.exists(), "it is written last, by make model: it tells that the model is prepared"
    assert archive.checkpoint(model) == model.pretrained / "model.ckpt"


def test_what_lies_beside_the_model_s_folder_is_left_out(model, tmp_path):
    beside = {f"{NAME}/{name}": content for name, content in FILES.items()}
    archive.unpack(pack(tmp_path / "a.tar.gz", {**beside, "other/readme": b"", f"{NAME}2/x": b""}), model)
    assert contents(model.pretrained) == UNPACKED


def test_a_pipeline_deeper_down_is_not_the_model_s(model, tmp_path):
    deeper = {"saved_model/pipeline.config": b"another", **FILES}
    archive.unpack(pack(tmp_path / "a.tar.gz", deeper, f"{NAME}/"), model)
    assert model.zoo_pipeline.read_bytes() == SHIPPED


def test_a_checkpoint_with_a_step_in_its_name_is_found(model, tmp_path):
    renamed = {name.replace("model.ckpt", "model.ckpt-2000"): content for name, content in FILES.items()}
    archive.unpack(pack(tmp_path / "a.tar.gz", renamed, f"{NAME}/"), model)
    assert archive.checkpoint(model) == model.pretrained / "model.ckpt-2000"


@pytest.mark.parametrize(
    "member",
    [
        special(f"{NAME}/../../evil", tarfile.REGTYPE, size=4),
        special("../evil", tarfile.REGTYPE, size=4),
        special("{outside}/evil", tarfile.REGTYPE, size=4),
        special(f"{NAME}/evil", tarfile.SYMTYPE, "/etc/passwd"),
        special(f"{NAME}/saved_model", tarfile.SYMTYPE, "../../.."),
        special(f"{NAME}/evil", tarfile.LNKTYPE, "../outside"),
        special(f"{NAME}/evil", tarfile.FIFOTYPE),
        special(f"{NAME}/evil", tarfile.CHRTYPE),
    ],
    ids=["..", ".. first", "absolute", "symlink", "symlink to a folder", "hard link", "pipe", "device"],
)
def test_what_tries_to_get_out_is_refused_and_nothing_is_left(member, model, tmp_path):
    member.name = member.name.replace("{outside}", str(tmp_path / "outside"))
    bad = pack(tmp_path / "a.tar.gz", FILES, f"{NAME}/", member)
    with pytest.raises(UserError, match="do not trust it") as refused:
        archive.unpack(bad, model)
    assert str(bad) in str(refused.value)
    assert contents(tmp_path) == {"a.tar.gz": bad.read_bytes()}
    assert list(model.folder.iterdir()) == []


def damaged(whole: bytes, how: str) -> bytes:
    if how.endswith("%"):
        return whole[: len(whole) * int(how[:-1]) // 100]
    if how == "a wrong byte":
        middle = len(whole) // 2
        return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
    return {"empty": b"", "a page": b"<html>404</html>" * 50, "cut in the last bytes": whole[:-4]}[how]


@pytest.mark.parametrize("how", ["1%", "30%", "90%", "a wrong byte", "empty", "a page", "cut in the last bytes"])
def test_a_damaged_archive_is_refused_and_nothing_is_left(how, model, tmp_path):
    whole = pack(tmp_path / "whole.tar.gz", FILES, f"{NAME}/").read_bytes()
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(damaged(whole, how))
    with pytest.raises(UserError, match=r"is damaged .*delete it") as refused:
        archive.unpack(bad, model)
    assert str(bad) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(model.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({n: c for n, c in FILES.items() if n != "pipeline.config"}, r"no pipeline\.config"),
        ({n: c for n, c in FILES.items() if n != "model.ckpt.index"}, r"no model\.ckpt"),
        ({"pipeline.config": SHIPPED, "checkpoint/ckpt-0.index": b"of TensorFlow 2"}, r"no model\.ckpt"),
        ({}, r"no pipeline\.config"),
    ],
    ids=["no pipeline", "no checkpoint", "of the TensorFlow 2 zoo", "nothing"],
)
def test_what_is_no_zoo_archive_is_refused_and_nothing_is_left(files, missing, model, tmp_path):
    with pytest.raises(UserError, match=rf"holds {missing}.*not an archive of the TensorFlow 1 detection zoo"):
        archive.unpack(pack(tmp_path / "a.tar.gz", files, f"{NAME}/"), model)
    assert list(model.folder.iterdir()) == []


def test_a_bad_archive_leaves_the_model_that_was_there(model, tmp_path):
    archive.unpack(pack(tmp_path / "good.tar.gz", FILES, f"{NAME}/"), model)
    with pytest.raises(UserError):
        archive.unpack(pack(tmp_path / "bad.tar.gz", {}, f"{NAME}/"), model)
    assert contents(model.pretrained) == UNPACKED


@pytest.fixture
def zoo_folder(tmp_path) -> Path:
    pack(tmp_path / "zoo" / f"{NAME}.tar.gz", FILES, f"{NAME}/")
    return tmp_path / "zoo"


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "tree")


def addresses(folder: Path, server: str) -> dict[str, str]:
    return {"folder": str(folder), "file": folder.as_uri(), "server": server, "slash": f"{server}/"}


@pytest.mark.parametrize("kind", ["folder", "file", "server", "slash"])
def test_a_zoo_is_a_folder_or_a_server(kind, zoo_folder, home):
    with mirror.serve(zoo_folder) as server:
        fetched = archive.fetch(NAME, addresses(zoo_folder, server)[kind], home)
    assert fetched == home.model_archives / f"{NAME}.tar.gz"
    assert contents(home.folder) == {f"model/archives/{NAME}.tar.gz": (zoo_folder / f"{NAME}.tar.gz").read_bytes()}


def test_a_zoo_s_folder_may_be_relative_or_in_the_user_s_home(zoo_folder, home, monkeypatch):
    monkeypatch.setenv("HOME", str(zoo_folder.parent))
    monkeypatch.chdir(zoo_folder.parent)
    for folder in ("zoo", "~/zoo"):
        fetched = archive.fetch(NAME, folder, home)
        assert fetched.read_bytes() == (zoo_folder / f"{NAME}.tar.gz").read_bytes()
        fetched.unlink()


@pytest.mark.parametrize("kind", ["folder", "file", "server"])
def test_a_model_that_a_zoo_does_not_have_gets_the_nearest(kind, zoo_folder, home):
    with mirror.serve(zoo_folder) as server:
        zoo = addresses(zoo_folder, server)[kind]
        with pytest.raises(UserError, match=f"no model 'ssd_mobilenet_v2_cocoa' at .*did you mean {NAME}"):
            archive.fetch("ssd_mobilenet_v2_cocoa", zoo, home)
    assert contents(home.folder) == {}


def test_a_zoo_of_one_s_own_may_have_models_that_nobody_knows(zoo_folder, home):
    pack(zoo_folder / "my_model.tar.gz", FILES, "my_model/")
    assert archive.fetch("my_model", str(zoo_folder), home).is_file()


def test_an_archive_on_disk_needs_no_network_and_is_named(home, capsys):
    there = pack(home.model_archives / f"{NAME}.tar.gz", FILES)
    before = there.read_bytes()
    assert archive.fetch(NAME, NOBODY, home) == there
    assert capsys.readouterr().out == f"using {there}, which is already there; delete it to fetch it anew\n"
    assert there.read_bytes() == before


@pytest.mark.parametrize("zoo", [catalogue.OFFICIAL_ZOO, f"{catalogue.OFFICIAL_ZOO}/"])
def test_a_misspelt_model_of_the_official_zoo_fails_before_any_network(zoo, home, monkeypatch):
    def looked_up(*_: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with pytest.raises(UserError, match=f"did you mean {NAME}"):
        archive.fetch("ssd_mobilenet_v2_coco", zoo, home)
    assert not home.folder.exists()
