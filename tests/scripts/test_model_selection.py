"""Which model a verb takes: MODEL_DIR, MODEL, the only prepared one, or one from a menu."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from todus import files


@pytest.fixture
def chosen(shell):
    """`chosen(MODEL="ssd")` gives the folder that `make export` hands on."""

    def run(**variables: str) -> str:
        (call,) = shell.calls(shell.make("export", **variables))
        return call["arguments"][call["arguments"].index("--model-dir") + 1]

    return run


def test_the_only_prepared_model_needs_no_name(shell, chosen):
    (shell.folder / "model" / "half-made" / "training").mkdir(parents=True)
    shell.prepare("ssd")
    assert chosen() == f"{shell.folder}/model/ssd"


def test_make_model_takes_the_only_prepared_one_too(shell):
    def named(**variables: str) -> str:
        return shell.calls(shell.make("model", **variables))[0]["arguments"][1]

    assert named() == ""  # for Python to say what there is
    shell.prepare("ssd")
    assert named() == "ssd"
    assert named(MODEL="frcnn") == "frcnn"
    shell.prepare("frcnn")
    assert named() == ""


@pytest.mark.parametrize("verb", ["model", "status", "export", "clean-model"])
@pytest.mark.parametrize("name", ["../model/ssd", "/tmp", ".."])
def test_a_path_is_no_name(shell, verb, name):
    shell.prepare("ssd")
    assert f"MODEL={name}: MODEL is a name, not a path" in shell.the_error(shell.make(verb, MODEL=name))


def test_what_is_to_be_run_names_another_home(shell, tmp_path: Path):
    there = f"TODUS_HOME={tmp_path}/a\\ home"
    home = f"{tmp_path}/a home"
    assert f"make model MODEL=name {there} (make models" in shell.the_error(shell.make("train", TODUS_HOME=home))
    assert shell.the_error(shell.make("train", MODEL="x", TODUS_HOME=home)).endswith(f"make model MODEL=x {there}")
    error = shell.the_error(shell.make("train", MODEL_DIR=f"{home}/model/x", TODUS_HOME=home))
    assert error.endswith(f"make model MODEL=x {there}")


def test_model_names_one_of_several(shell, chosen):
    shell.prepare("ssd", "frcnn")
    assert chosen(MODEL="frcnn") == f"{shell.folder}/model/frcnn"


def test_todus_home_holds_the_models(shell, chosen, tmp_path: Path):
    shell.prepare("ssd")
    shell.prepare("frcnn", home=tmp_path / "home")
    assert chosen(TODUS_HOME=str(tmp_path / "home")) == f"{tmp_path}/home/model/frcnn"


def test_model_dir_may_be_anywhere(shell, chosen, tmp_path: Path):
    shell.prepare("ssd", "frcnn")
    shell.prepare("mine", home=tmp_path / "else where")
    folder = f"{tmp_path}/else where/model/mine"
    assert chosen(MODEL_DIR=folder) == chosen(MODEL_DIR=f"{folder}/", MODEL="mine") == folder


def test_a_relative_model_dir_is_below_the_folder_of_the_call(shell, tmp_path: Path):
    shell.prepare("mine", home=tmp_path)
    finished = shell.run(f"{shell.folder}/scripts/export.sh", cwd=tmp_path / "model", MODEL_DIR="mine")
    (call,) = shell.calls(finished)
    assert call["arguments"][:2] == ["--model-dir", f"{tmp_path}/model/mine"]


def test_model_and_model_dir_must_agree(shell):
    shell.prepare("ssd", "frcnn")
    error = shell.the_error(shell.make("train", "MODEL=ssd", MODEL_DIR="model/frcnn"))
    assert "MODEL=ssd" in error and "model/frcnn" in error


def test_model_dir_names_the_model_that_is_to_be_prepared(shell, tmp_path: Path):
    for name in ("model/ssd", f"{shell.folder}/model/ssd/"):
        call, _ = shell.calls(shell.make("model", MODEL_DIR=name))
        assert call["arguments"][:2] == ["-m", "ssd"]
    error = shell.the_error(shell.make("model", MODEL_DIR=f"{tmp_path}/elsewhere/ssd"))
    assert f"{tmp_path}/elsewhere/ssd" in error and f"{shell.folder}/model/ssd" in error


@pytest.mark.parametrize("home", ["{0}/", "{0}//", "{0}/./", "./", "model/..", "model/../", "/..{0}"])
@pytest.mark.parametrize("model_dir", ["./model/ssd", "{0}//model/./ssd/", "model/../model/ssd"])
def test_paths_are_compared_in_their_plainest_form(shell, home, model_dir):
    """None of the folders is there yet."""
    variables = {"TODUS_HOME": home.format(shell.folder), "MODEL_DIR": model_dir.format(shell.folder)}
    call, _ = shell.calls(shell.script("model", **variables))
    assert call["arguments"][:2] == ["-m", "ssd"]
    assert call["arguments"][-1] == str(shell.folder)


def test_the_root_may_be_home(shell):
    (call,) = shell.calls(shell.script("dataset-limited", TODUS_HOME="//"))
    assert call["arguments"][-1] == "/"


def test_a_model_dir_by_way_of_a_link_is_the_same_folder(shell, tmp_path: Path):
    shell.prepare("ssd")
    (tmp_path / "link").symlink_to(shell.folder)
    call, _ = shell.calls(shell.script("model", MODEL_DIR=f"{tmp_path}/link/model/ssd"))
    assert call["arguments"][:2] == ["-m", "ssd"]


def test_a_relative_todus_home_is_below_the_folder_of_the_call(shell, tmp_path: Path):
    shell.prepare("ssd", home=tmp_path / "home")
    (call,) = shell.calls(shell.run(f"{shell.folder}/scripts/export.sh", cwd=tmp_path, TODUS_HOME="home"))
    assert call["arguments"] == ["--model-dir", f"{tmp_path}/home/model/ssd", "--home", f"{tmp_path}/home"]


@pytest.mark.parametrize("verb", ["train", "eval", "export", "clean-model"])
def test_no_prepared_model(shell, verb):
    assert "make model MODEL=" in shell.the_error(shell.make(verb))
    assert not (shell.folder / "model").exists()


def test_several_prepared_models_without_a_terminal(shell):
    shell.prepare("ssd", "frcnn")
    assert shell.the_error(shell.script("train")).endswith("one of: frcnn ssd")


def test_a_model_that_is_not_prepared(shell):
    assert "(prepared: none)" in shell.the_error(shell.script("eval", MODEL="yolo"))
    shell.prepare("ssd", "frcnn")
    error = shell.the_error(shell.script("eval", MODEL="yolo"))
    assert "(prepared: frcnn ssd)" in error
    assert error.endswith("make model MODEL=yolo")


def test_a_model_dir_that_is_not_prepared(shell):
    (shell.folder / "model" / "ssd").mkdir(parents=True)
    error = shell.the_error(shell.script("eval", MODEL_DIR="model/ssd"))
    assert f"MODEL_DIR={shell.folder}/model/ssd" in error and "make model MODEL=ssd" in error


def on_a_terminal(shell, keys: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the export script with a terminal where `keys` are typed; also gives what the terminal shows."""
    keyboard, terminal = pty.openpty()
    os.write(keyboard, keys.encode())
    finished = subprocess.run(
        [f"{shell.folder}/scripts/export.sh"],
        env=shell.environment,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        timeout=60,
    )
    shown = os.read(keyboard, 10_000).decode()
    os.close(terminal)
    os.close(keyboard)
    return finished, shown


def test_several_prepared_models_on_a_terminal_make_a_menu(shell):
    shell.prepare("ssd", "frcnn")
    finished, shown = on_a_terminal(shell, "7\n2\n")  # 7 is not on the menu, so it asks again
    assert "1) frcnn" in shown and "2) ssd" in shown
    (call,) = shell.calls(finished)
    assert call["arguments"][:2] == ["--model-dir", f"{shell.folder}/model/ssd"]


def test_leaving_the_menu_is_a_mistake(shell):
    shell.prepare("ssd", "frcnn")
    finished, shown = on_a_terminal(shell, "\x04")  # Ctrl-D
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert "todus: no model was chosen" in shown


def test_clean_model_keeps_what_cannot_be_made_again(shell):
    shell.prepare("ssd", "frcnn")
    for name in ("ssd", "frcnn"):
        for part in ("training/model.ckpt-5.index", "eval/report.json", "inference-graph/x.pb", f"{name}.tflite"):
            path = shell.folder / "model" / name / part
            path.parent.mkdir(exist_ok=True)
            path.touch()
    assert shell.make("clean-model", "MODEL=ssd").returncode == 0
    left = {str(path.relative_to(shell.folder / "model")) for path in shell.folder.glob("model/*/*")}
    assert left == {"ssd/pretrained", "ssd/training"} | {
        f"frcnn/{part}" for part in ("pretrained", "training", "eval", "inference-graph", "frcnn.tflite")
    }


def test_clean_dataset_keeps_what_came_from_coco(shell):
    coco = shell.folder / "dataset" / "mscoco"
    left_by_killed_runs = (".limited.unfinished", ".limited.replaced", ".complete.unfinished", ".complete.replaced")
    for part in ("raw-data/annotations", "limited", "complete", *left_by_killed_runs):
        (coco / part).mkdir(parents=True)
    for lock in (".lock", ".limited.lock", ".complete.lock"):
        (coco / lock).write_text("4711\n")
    assert shell.make("clean-dataset").returncode == 0
    assert [path.name for path in coco.iterdir()] == ["raw-data"]
    assert shell.make("clean-dataset").returncode == 0  # nothing left to do
    shutil.rmtree(coco)
    assert shell.make("clean-dataset").returncode == 0
    assert not coco.exists()


def test_clean_dataset_waits_for_a_run_that_is_at_work(shell):
    coco = shell.folder / "dataset" / "mscoco"
    (coco / ".limited.unfinished").mkdir(parents=True)
    with files.locked(coco):
        run = shell.script("clean-dataset")
    assert run.returncode == 1
    assert run.stderr == f"todus: another run (process {os.getpid()}) is at work in {coco}; wait until it has ended\n"
    assert (coco / ".limited.unfinished").exists()
    assert shell.script("clean-dataset").returncode == 0
    assert not list(coco.iterdir())
