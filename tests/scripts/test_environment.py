"""Which Python is taken, and that an environment is whole, the right one, or not there."""

import shutil
import sys
from pathlib import Path

import pytest

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def bare(shell):
    """The shell with requirements that need no network, and `.venv` in the checkout to be made."""
    (shell.folder / "requirements.txt").write_text("# nothing\n")
    shell.environment |= {"VENV": ".venv", "PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    return shell


@pytest.fixture
def interpreters(tmp_path: Path):
    """`interpreters(python3="3.9 yes /usr/bin/python3")` gives a PATH with programs that answer so, or fail."""

    def put(**answers: str | None) -> str:
        folder = tmp_path / "interpreters"
        folder.mkdir(exist_ok=True)
        if not (folder / "dirname").exists():  # the one program that the script needs beside a Python
            (folder / "dirname").symlink_to(shutil.which("dirname"))
        for name, answer in answers.items():
            program = folder / name.replace("_", ".")
            program.write_text(
                "#!/bin/sh\n" + (f"echo '{answer}'\n" if answer else "echo no such version >&2; exit 127\n")
            )
            program.chmod(0o755)
        return str(folder)

    return put


def find(shell, **variables: str):
    return shell.run("/bin/bash", "scripts/find-python.sh", **variables)


def test_the_newest_supported_python_is_found(shell, interpreters):
    path = interpreters(python3_10="3.10 yes /p/3.10", python3_12="3.12 yes /p/3.12", python3="3.11 yes /p/3.11")
    assert find(shell, PATH=path).stdout == "/p/3.12\n"
    path = interpreters(python="3.13 yes /p/3.13", python3_14="3.14 yes /p/3.14")
    assert find(shell, PATH=path).stdout == "/p/3.13\n"


def test_a_python_that_does_not_run_is_passed_over_in_silence(shell, interpreters):
    finished = find(shell, PATH=interpreters(python3_13=None, python3_12=None, python3="3.11 yes /p/3.11"))
    assert (finished.stdout, finished.stderr) == ("/p/3.11\n", "")


def test_a_second_one_of_the_same_name_is_tried(shell, interpreters, tmp_path: Path):
    shims = interpreters(python3_12=None)
    real = tmp_path / "real"
    real.mkdir()
    (real / "python3.12").write_text("#!/bin/sh\necho '3.12 yes /p/3.12'\n")
    (real / "python3.12").chmod(0o755)
    assert find(shell, PATH=f"{shims}:{real}").stdout == "/p/3.12\n"


def test_a_python_that_cannot_make_environments_is_passed_over(shell, interpreters):
    path = interpreters(python3_12="3.12 no /p/3.12", python3="3.11 yes /p/3.11")
    assert find(shell, PATH=path).stdout == "/p/3.11\n"


def test_the_interpreter_below_an_environment_is_meant(shell):
    """Else an environment on PATH would be asked to build itself anew."""
    found = find(shell, PYTHON=sys.executable).stdout.strip()
    assert Path(found).exists()
    assert not Path(found).is_relative_to(sys.prefix) or sys.prefix == sys.base_prefix


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"python3": "3.9 yes /p/3.9", "python": "2.7 no /p/2.7"}, "found 3.9, 2.7"),
        ({"python3": "3.14 yes /p/3.14"}, "found 3.14"),
        ({"python3_11": "3.11 no /p/3.11"}, "found Python 3.11 without venv"),
        ({"python3": None}, "found no Python"),
        ({}, "found no Python"),
    ],
)
def test_no_supported_python(shell, interpreters, answers, found):
    error = shell.the_error(find(shell, PATH=interpreters(**answers)))
    assert found in error and "needs Python 3.10 to 3.13" in error


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("3.9 yes /p/3.9", "found Python 3.9"),
        ("3.14 yes /p/3.14", "found Python 3.14"),
        ("3.12 no /p/3.12", "found Python 3.12 without venv"),
        (None, "found nothing that runs"),
    ],
)
def test_a_python_asked_for_that_will_not_do(bare, interpreters, answer, found):
    python = interpreters(mine=answer) + "/mine"
    for finished in (bare.make("install", f"PYTHON={python}"), bare.make("train", PYTHON=python)):
        error = bare.the_error(finished)
        assert f"PYTHON={python}: {found}" in error and "needs Python 3.10 to 3.13" in error
        assert not (bare.folder / ".venv").exists()
    assert "found nothing that runs" in bare.the_error(bare.make("install", PYTHON=f"{python}-not-there"))


def test_an_environment_is_made_once_and_anew_when_the_requirements_change(bare):
    venv = bare.folder / ".venv"
    first = bare.make("_environment")
    assert first.returncode == 0, first.stderr
    assert (venv / "installed-cpu").exists()
    assert "made .venv" in first.stderr

    made = (venv / "installed-cpu").stat().st_mtime_ns
    again = bare.make("_environment")  # with PYTHON set, which is compared and found to be the same
    assert (again.returncode, again.stderr) == (0, "")
    assert bare.make("_environment", PYTHON="").stderr == ""
    assert (venv / "installed-cpu").stat().st_mtime_ns == made

    (venv / "leftover").touch()
    (bare.folder / "requirements.txt").write_text("# nothing, but later\n")
    assert bare.make("_environment").returncode == 0
    assert (venv / "installed-cpu").stat().st_mtime_ns > made
    assert not (venv / "leftover").exists()

    configuration = venv / "pyvenv.cfg"
    configuration.write_text(configuration.read_text().replace(f"version = {MINOR}.", "version = 3.9."))
    other = bare.make("_environment")
    assert other.returncode == 0
    assert f".venv has Python 3.9, PYTHON={sys.executable} is {MINOR}: building it anew" in other.stderr
    assert bare.make("_environment").stderr == ""

    assert bare.make("clean-venv").returncode == 0
    assert not venv.exists()


def test_an_interrupted_set_up_does_not_count(bare):
    venv = bare.folder / ".venv"
    (bare.folder / "requirements.txt").write_text("not-to-be-had==1.0\n")
    failed = bare.make("install")
    assert failed.returncode != 0
    assert "todus: setting up .venv failed" in failed.stderr
    assert (venv / "bin" / "python").exists()
    assert not list(venv.glob("installed-*"))

    (venv / "leftover").touch()
    (bare.folder / "requirements.txt").write_text("# nothing\n")
    assert bare.make("_environment").returncode == 0
    assert (venv / "installed-cpu").exists()
    assert not (venv / "leftover").exists()


def test_an_environment_may_lie_under_a_path_with_spaces(bare, tmp_path: Path):
    venv = tmp_path / "my own  envs" / "todus env"
    first = bare.make("_environment", f"VENV={venv}")
    assert first.returncode == 0, first.stderr
    assert f"made {venv}" in first.stderr
    assert (venv / "installed-cpu").exists()
    assert not (bare.folder / ".venv").exists()
    for again in (bare.make("_environment", VENV=str(venv)), bare.make("_environment", "PYTHON=", f"VENV={venv}")):
        assert (again.returncode, again.stderr) == (0, "")
    assert [call["module"] for call in bare.calls(bare.script("demo", VENV=str(venv)))] == ["todus.demo.tour"]
    assert bare.make("clean-venv", f"VENV={venv}").returncode == 0
    assert not venv.exists()


def test_an_environment_without_a_name_is_refused(bare):
    finished = bare.make("install", "VENV=")
    assert finished.returncode == 2
    assert "VENV is empty" in finished.stderr


def test_a_folder_of_the_user_is_never_replaced(bare):
    precious = bare.folder / "precious"
    precious.mkdir()
    (precious / "thesis.tex").touch()
    for verb in ("install", "clean-venv"):
        assert "precious" in bare.the_error(bare.make(verb, VENV="precious"))
    assert [path.name for path in precious.iterdir()] == ["thesis.tex"]


def test_an_environment_of_the_user_without_tensorflow_is_named_and_left_alone(bare, interpreters):
    python = bare.folder / "mine" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    assert "mine was not made by Todus" in bare.the_error(bare.make("train", VENV="mine", PYTHON=""))
    assert sorted(path.name for path in python.parents[1].rglob("*")) == ["bin", "python"]


def test_gpu_is_one_or_zero(bare):
    assert "GPU=yes" in bare.the_error(bare.make("install", "GPU=yes"))
    assert not (bare.folder / ".venv").exists()


def test_a_gpu_environment_is_used_when_gpu_is_not_mentioned(bare):
    venv = bare.folder / ".venv"
    (venv / "bin").mkdir(parents=True)
    for name in ("bin/python", "made-by-todus", "installed-gpu"):
        (venv / name).touch()
    plan = ["--dry-run", "_environment", "PYTHON="]
    assert "build-venv" not in bare.make(*plan).stdout
    assert "build-venv" not in bare.make(*plan, "GPU=1").stdout
    assert "build-venv.sh installed-cpu" in bare.make(*plan, "GPU=0").stdout
    (venv / "installed-gpu").rename(venv / "installed-cpu")
    assert "build-venv" not in bare.make(*plan).stdout
    assert "build-venv.sh installed-gpu" in bare.make(*plan, "GPU=1").stdout
