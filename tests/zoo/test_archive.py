"""The zoo's archives: where they come from, and that only what they ought to hold gets out of them."""

from __future__ import annotations

import gzip
import io
import random
import re
import socket
import tarfile
from pathlib import Path

import pytest

from todus.demo import mirror
from todus.errors import UserError, WorldError
from todus.layout import Home, Model
from todus.zoo import archive, catalogue, tarball

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
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
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


def test_of_several_checkpoints_it_is_the_one_that_tensorflow_s_note_names(model, tmp_path):
    for note, expected in [
        (
            b'model_checkpoint_path: "/trained/elsewhere/model.ckpt-90"\nall_model_checkpoint_paths: "x"',
            "model.ckpt-90",
        ),
        (b'model_checkpoint_path: "model.ckpt"', "model.ckpt"),
        (b'model_checkpoint_path: "model.ckpt-777"', "model.ckpt-1200"),
        (b"\xff no note", "model.ckpt-1200"),
        (None, "model.ckpt-1200"),
    ]:
        files = {**FILES, **parts("model.ckpt-90"), **parts("model.ckpt-1200"), **parts("model.ckpt-200")}
        files = {name: content for name, content in files.items() if name != "checkpoint"}
        archive.unpack(pack(tmp_path / "a.tar.gz", {**files, **({"checkpoint": note} if note else {})}), model)
        assert archive.checkpoint(model).name == expected, note


def parts(prefix: str, shards: int = 1) -> dict[str, bytes]:
    """The files of a checkpoint."""
    data = {f"{prefix}.data-{shard:05d}-of-{shards:05d}": b"data" for shard in range(shards)}
    return {f"{prefix}.index": b"index", **data}


def test_a_checkpoint_that_lacks_a_file_is_passed_over_for_a_whole_one(model, tmp_path):
    files = {"pipeline.config": SHIPPED, **parts("model.ckpt-7"), "model.ckpt-9.index": b"its data is missing"}
    archive.unpack(pack(tmp_path / "a.tar.gz", files), model)
    assert archive.checkpoint(model).name == "model.ckpt-7"


@pytest.mark.parametrize(
    ("missing", "more"),
    [
        ("model.ckpt-5.index", {}),
        ("model.ckpt-5.data-00000-of-00001", {}),
        (
            "model.ckpt-5.data-00000-of-00001",
            {"checkpoint": b'model_checkpoint_path: "model.ckpt-5"', **parts("model.ckpt-3")},
        ),
        ("model.ckpt-5.data-00001-of-00003", {}),
    ],
    ids=["index", "data", "of the one that is named", "one shard of three"],
)
def test_a_checkpoint_that_lacks_a_file_is_refused_by_the_name_of_that(missing, more, model, tmp_path):
    files = {"pipeline.config": SHIPPED, **parts("model.ckpt-5", 3 if "of-00003" in missing else 1), **more}
    bad = pack(tmp_path / "a.tar.gz", {name: content for name, content in files.items() if name != missing})
    with pytest.raises(UserError, match=f"holds model.ckpt-5 without {missing}; it is not an archive") as refused:
        archive.unpack(bad, model)
    assert str(bad) in str(refused.value)
    assert list(model.folder.iterdir()) == []


def test_a_checkpoint_in_several_shards_is_whole(model, tmp_path):
    archive.unpack(pack(tmp_path / "a.tar.gz", {"pipeline.config": SHIPPED, **parts("model.ckpt", 3)}), model)
    assert archive.checkpoint(model).name == "model.ckpt"


def test_a_checkpoint_that_was_lost_after_unpacking_gets_a_way_out(model, tmp_path):
    archive.unpack(pack(tmp_path / "a.tar.gz", FILES), model)
    (model.pretrained / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(UserError, match=r"pretrained holds model.ckpt without .*; move .* away and run make model"):
        archive.checkpoint(model)


def test_a_quantized_model_s_archive_has_no_frozen_graph_but_tensorflow_lite_s(model, tmp_path):
    files = {"pipeline.config": SHIPPED, **parts("model.ckpt"), "model.ckpt.meta": b"", "tflite_graph.pb": b"graph"}
    archive.unpack(pack(tmp_path / "a.tar.gz", {**files, "tflite_graph.pbtxt": b"text"}, f"{NAME}/"), model)
    assert (model.pretrained / "tflite_graph.pb").read_bytes() == b"graph"


def test_of_an_archive_with_two_models_the_float_one_is_taken_and_that_is_said(model, tmp_path, capsys):
    float32 = {f"fp32/{name}": content for name, content in FILES.items()}
    uint8 = {f"uint8/{name}": b"quantized" for name in FILES}
    archive.unpack(pack(tmp_path / "a.tar.gz", {**uint8, **float32}, f"{NAME}/"), model)
    assert contents(model.pretrained) == UNPACKED
    assert f"taking {NAME}/fp32, leaving out {NAME}/uint8" in capsys.readouterr().out


@pytest.mark.parametrize("top", ["", "./", f"{NAME}/"])
def test_what_a_mac_or_an_old_tar_has_added_is_left_out(top, model, tmp_path):
    junk = ["._pipeline.config", ".DS_Store", "saved_model/._saved_model.pb", "PaxHeader/pipeline.config"]
    junk += ["PaxHeaders.4711/model.ckpt.index", "__MACOSX/pipeline.config", "__MACOSX/._model.ckpt.index"]
    added = dict.fromkeys(junk, b"junk")
    archive.unpack(pack(tmp_path / "a.tar.gz", {**added, **FILES}, top), model)
    assert contents(model.pretrained) == UNPACKED


def test_files_that_have_the_names_of_ours_are_left_out(model, tmp_path):
    added = {"pipeline.config.before": b"not the user's", "pipeline.config.zoo/x": b"", ".unpacking": b"junk"}
    archive.unpack(pack(tmp_path / "a.tar.gz", {**added, **FILES}, f"{NAME}/"), model)
    assert contents(model.pretrained) == {**UNPACKED, ".unpacking": b"junk"}
    assert [path.name for path in model.folder.iterdir()] == ["pretrained"]


def test_files_that_are_no_model_are_not_unpacked_over(model):
    archive.require_no_other_files(model)
    model.pretrained.mkdir(parents=True)
    archive.require_no_other_files(model)
    (model.pretrained / "model.ckpt.index").touch()
    with pytest.raises(UserError, match=r"holds files but no pipeline\.config; move it away, or put pipeline\.config"):
        archive.require_no_other_files(model)
    model.pipeline.touch()
    archive.require_no_other_files(model)


def test_empty_folders_arrive_too(model, tmp_path):
    folder = special(f"{NAME}/saved_model/variables", tarfile.DIRTYPE)
    archive.unpack(pack(tmp_path / "a.tar.gz", FILES, f"{NAME}/", folder), model)
    assert (model.pretrained / "saved_model" / "variables").is_dir()


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
        special(f"{NAME}/evil", tarfile.BLKTYPE),
        special(f"{NAME}/._evil", tarfile.SYMTYPE, "/etc/passwd"),
        special(f"{NAME}/./checkpoint", tarfile.REGTYPE, size=4),
        special(f"{NAME}/saved_model", tarfile.REGTYPE, size=4),
        special(f"{NAME}/checkpoint/deeper", tarfile.REGTYPE, size=4),
        special(f"{NAME}/{'x' * 256}", tarfile.REGTYPE, size=4),
        special("/".join(["deep"] * 300), tarfile.REGTYPE, size=4),
    ],
    ids=[
        *("..", ".. first", "absolute", "symlink", "symlink to a folder", "hard link", "pipe", "device", "disk", "mac"),
        *("the same file again", "a file for a folder", "a folder for a file", "a long name", "a long path"),
    ],
)
def test_what_tries_to_get_out_is_refused_and_nothing_is_left(member, model, tmp_path):
    member.name = member.name.replace("{outside}", str(tmp_path / "outside"))
    bad = pack(tmp_path / "a.tar.gz", FILES, f"{NAME}/", member)
    with pytest.raises(UserError, match="do not trust it") as refused:
        archive.unpack(bad, model)
    assert str(bad) in str(refused.value)
    assert contents(tmp_path) == {"a.tar.gz": bad.read_bytes()}
    assert list(model.folder.iterdir()) == []


def bomb(path: Path, announced: int) -> Path:
    """A .tar.gz with one member that claims to be `announced` bytes long."""
    member = special("model.ckpt.data-00000-of-00001", tarfile.REGTYPE, size=announced)
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(10_240)))
    return path


def test_what_would_unpack_to_absurdly_much_is_refused_before_it_does(model, tmp_path):
    with pytest.raises(UserError, match=r"would unpack to 8\.6 GB and more, .*do not trust it, delete it"):
        archive.unpack(bomb(tmp_path / "a.tar.gz", 1 << 33), model)
    assert list(model.folder.iterdir()) == []


def test_what_the_disk_has_no_room_for_is_not_begun(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tarball, "MOST_TIMES", 1 << 60)
    with pytest.raises(WorldError, match=r"the disk .* is too small for a\.tar\.gz: 1152921\.5 TB are needed"):
        archive.unpack(bomb(tmp_path / "a.tar.gz", 1 << 60), model)
    assert list(model.folder.iterdir()) == []


def test_thousands_of_files_are_refused(model, tmp_path):
    many = {f"{number}": b"" for number in range(2000)}
    with pytest.raises(UserError, match="would unpack to 1,000 files and more"):
        archive.unpack(pack(tmp_path / "a.tar.gz", {**many, **FILES}), model)
    assert list(model.folder.iterdir()) == []


def test_what_comes_after_the_end_is_not_read_for_ever(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tarball, "ALWAYS_FINE", 1 << 20)
    bad = pack(tmp_path / "a.tar.gz", FILES)
    bad.write_bytes(bad.read_bytes() + gzip.compress(bytes(5 << 20)))
    with pytest.raises(UserError, match="and more after its end; do not trust it"):
        archive.unpack(bad, model)
    assert list(model.folder.iterdir()) == []


def headers(kind: str) -> bytes:
    """Headers that would fill the memory, or make tarfile call itself without end, or are no numbers."""
    if kind == "a name of a gigabyte":
        return special("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 30).tobuf(tarfile.GNU_FORMAT) + bytes(512)
    if kind == "a negative size":
        return special("x", tarfile.REGTYPE, size=-512).tobuf(tarfile.GNU_FORMAT)
    if kind == "headers about headers":
        return (
            special("x", tarfile.XHDTYPE, size=9).tobuf(tarfile.USTAR_FORMAT) + b"9 a=bcde\n".ljust(512, b"\0")
        ) * 5000
    member = tarfile.TarInfo("x")
    member.pax_headers = {"path": "nothing\0at all"}
    return member.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize(
    "kind", ["a name of a gigabyte", "a negative size", "headers about headers", "a name with a zero"]
)
def test_headers_made_to_do_harm_are_refused_in_one_line(kind, model, tmp_path):
    bad = tmp_path / "a.tar.gz"
    bad.write_bytes(gzip.compress(headers(kind) + bytes(10_240)))
    with pytest.raises(UserError, match=r"a\.tar\.gz .*delete it") as refused:
        archive.unpack(bad, model)
    assert len(str(refused.value).splitlines()) == 1
    assert list(model.folder.iterdir()) == []


def damaged(whole: bytes, how: str) -> bytes:
    if how.endswith("%"):
        return whole[: len(whole) * int(how[:-1]) // 100]
    if how == "a wrong byte":
        middle = len(whole) // 2
        return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
    return {"empty": b"", "a page": b"<html>404</html>" * 50, "cut in the last bytes": whole[:-4]}[how]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\n  <!DOCTYPE html><html>404</html>", "it is a web page, not an archive"),
        (b"PK\3\4 a zip file", "it is not a .tar.gz"),
    ],
)
def test_what_cannot_be_an_archive_is_told_by_its_first_bytes(content, reason, model, tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(f"a.tar.gz is damaged ({reason}); delete it and run again")):
        archive.unpack(tmp_path / "a.tar.gz", model)


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
        ({n: c for n, c in FILES.items() if "ckpt" not in n}, r"no model\.ckpt"),
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


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_a_page_that_is_sent_for_an_archive_is_not_kept(kind, zoo_folder, home):
    (zoo_folder / "lost.tar.gz").write_bytes(b"<html>we have moved</html>")
    refused = pytest.raises(WorldError, match=r"cannot fetch .*/lost\.tar\.gz: it is a web page, not an archive")
    with mirror.serve(zoo_folder) as server, refused:
        archive.fetch("lost", addresses(zoo_folder, server)[kind], home)
    assert contents(home.folder) == {}


def test_an_archive_that_was_cut_off_is_fetched_on_from_there(zoo_folder, home):
    asked = []

    class CutsOff(mirror.Handler):
        def do_GET(self) -> None:  # noqa: N802  (http.server's name)
            asked.append(self.headers.get("Range"))
            super().do_GET()

        def _send(self, file: object, start: int, stop: int) -> None:
            super()._send(file, start, stop if start else stop // 2)
            self.close_connection = True

    with mirror.serve(zoo_folder, handler=CutsOff) as server:
        fetched = archive.fetch(NAME, server, home)
    size = (zoo_folder / f"{NAME}.tar.gz").stat().st_size
    assert asked == [None, f"bytes={size // 2}-"]
    assert contents(home.model_archives) == {fetched.name: (zoo_folder / fetched.name).read_bytes()}


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


def test_files_that_the_user_has_put_there_are_taken_as_they_are(model, capsys):
    for name, content in FILES.items():
        (model.pretrained / name).parent.mkdir(parents=True, exist_ok=True)
        (model.pretrained / name).write_bytes(content)
    assert archive.adopt(model)
    assert contents(model.pretrained) == UNPACKED
    assert "using the files in" in capsys.readouterr().out
    assert not archive.adopt(model), "they are the model's own from now on"


def test_where_the_user_has_put_nothing_there_is_nothing_to_take(model, tmp_path):
    assert not archive.adopt(model)
    archive.unpack(pack(tmp_path / "a.tar.gz", FILES), model)
    assert not archive.adopt(model)


def test_files_of_the_user_s_without_a_whole_checkpoint_are_refused_and_stay(model):
    model.pretrained.mkdir(parents=True)
    (model.pretrained / "pipeline.config").write_bytes(SHIPPED)
    with pytest.raises(UserError, match=r"pretrained holds no model\.ckpt; move .*pretrained away"):
        archive.adopt(model)
    assert contents(model.pretrained) == {"pipeline.config": SHIPPED}
