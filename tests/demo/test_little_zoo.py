"""The little zoo model: packed only once it has learnt what it should, trained only where there is no archive."""

from __future__ import annotations

import pytest

from support import TINY_PIPELINE, TINY_STEPS
from todus.demo import little_zoo
from todus.errors import WorldError

NO_SERVER = "http://127.0.0.1:9/nobody-there"


def test_a_model_is_packed_only_once_it_has_learnt_enough(zoo_log, mirror_url, zoo_home, tmp_path, capsys):
    def make(least_ap50: float):
        return little_zoo.make_archive(zoo_home, f"{mirror_url}/coco", tmp_path, TINY_STEPS, TINY_PIPELINE, least_ap50)

    with pytest.raises(WorldError, match=r"AP50 .* 80\.0 at least; delete ") as refused:
        make(0.8)
    assert str(zoo_home.folder) in str(refused.value)
    assert not list(tmp_path.iterdir())
    assert make(0.0).is_file()  # nothing of the first attempt has kept it from being measured again
    said = capsys.readouterr().out
    assert said.count("on its 16 validation images") == 2
    assert "training" not in said  # `zoo_home` holds a model that is trained already


def test_an_archive_that_is_there_is_left_and_what_to_delete_is_said(zoo_home, tmp_path, capsys):
    archive = little_zoo.archive_in(tmp_path)
    archive.write_bytes(b"good")
    assert little_zoo.make_archive(zoo_home, NO_SERVER, tmp_path, least_ap50=0.8) == archive
    assert archive.read_bytes() == b"good"
    said = capsys.readouterr().out
    assert str(archive) in said
    assert str(zoo_home.folder) in said
