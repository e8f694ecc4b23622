"""What the user sets reaches the modules unchanged: as arguments, from make and from the scripts alike."""

import pytest

HOSTILE = [
    "person, car, traffic light",
    "it's a \"quoted\" 'bear'",
    "$(touch alarm) `touch alarm` ; touch alarm",
    "$(shell touch alarm)$(error make expanded this)",
    "a$HOME $$HOME ${HOME} \\ back\\slash #hash %percent *",
    "two  spaces",
    "",
]


@pytest.fixture(params=["command line of make", "environment of make", "environment of the script"])
def call(request, shell):
    """`call(verb, NAME=value)` gives the one call that the module reports."""

    def run(verb: str, **variables: str) -> dict:
        if request.param == "command line of make":
            finished = shell.make(verb, *(f"{name}={value}" for name, value in variables.items()))
        elif request.param == "environment of make":
            finished = shell.make(verb, **variables)
        else:
            finished = shell.script(verb, **variables)
        (call,) = shell.calls(finished)
        return call

    return run


@pytest.mark.parametrize("value", HOSTILE)
def test_values_are_never_evaluated(call, shell, value):
    arguments = call("dataset-limited", CATEGORIES=value)["arguments"]
    assert arguments[arguments.index("--categories") + 1] == value
    assert not (shell.folder / "alarm").exists()


def test_defaults(shell):
    home = str(shell.folder)
    done = shell.make("dataset-limited", "dataset-complete", "model", "demo")
    limited, complete, model, ranges, demo = shell.calls(done)
    coco = ["--splits", "train val", "--fetch", "auto", "--coco-url", "http://images.cocodataset.org"]
    coco += ["--negatives", "0", "--masks", "0", "--preview", "1", "--connections", "32", "--home", home]
    categories = ["--categories", "person bicycle car motorcycle airplane bus train truck boat"]
    assert (limited["module"], limited["arguments"]) == ("todus.coco.dataset", ["limited", *categories, *coco])
    assert (complete["module"], complete["arguments"]) == ("todus.coco.dataset", ["complete", *coco])
    zoo = ["--zoo-url", "http://download.tensorflow.org/models/object_detection", "--home", home]
    assert (model["module"], model["arguments"]) == ("todus.zoo.prepare", ["-m", "", "-d", "limited", *zoo])
    assert ranges["module"] == "todus.training.quantization.start"
    assert (demo["module"], demo["arguments"]) == ("todus.demo.tour", ["--folder", f"{home}/demo"])


def test_a_script_has_the_defaults_of_make(shell):
    shell.prepare("ssd")
    verbs = ("categories", "dataset-limited", "dataset-complete", "model", "train", "eval", "export", "demo")
    verbs = (*verbs, "benchmark")
    for verb in (*verbs, "detect", "export-tflite", "convert-tflite", "convert-onnx", "convert-uff", "device-kit"):
        by_script, by_make = shell.calls(shell.script(verb))[0], shell.calls(shell.make(verb))[0]
        assert (by_script["module"], by_script["arguments"]) == (by_make["module"], by_make["arguments"])


def test_options_are_passed_only_when_set(call, shell):
    shell.prepare("ssd")
    always = {"--model-dir": f"{shell.folder}/model/ssd", "--home": str(shell.folder)}
    defaults = {**always, "--save-every": "10m", "--keep": "5", "--precision": "auto"}
    defaults |= {"--scale-learning-rate": "0", "--background": "0", "--xla": "0", "--sync": "0"}
    assert pairs(call("train")) == defaults
    assert pairs(call("train", STEPS="", BATCH_SIZE="4")) == {**defaults, "--batch-size": "4"}
    settings = {"STEPS": "10", "BATCH_SIZE": "4", "LEARNING_RATE": "1e-3", "SCALE_LEARNING_RATE": "1", "KEEP": "2"}
    settings |= {"SAVE_EVERY": "500", "EVAL_EVERY": "5m", "EVAL_IMAGES": "80", "UNTIL_AP": "pretrained"}
    settings |= {"PATIENCE": "3", "BACKGROUND": "1", "PRECISION": "bfloat16", "XLA": "1", "SYNC": "1"}
    options = {f"--{name.lower().replace('_', '-')}": value for name, value in settings.items()}
    assert pairs(call("train", **settings)) == {**always, **options}
    assert pairs(call("eval", GRAPH="exported")) == {**always, "--graph": "exported"}


def pairs(called: dict) -> dict[str, str]:
    """The options that a module was called with, each with its value."""
    return dict(zip(called["arguments"][::2], called["arguments"][1::2], strict=True))


def test_tensorboard_is_told_where_to_be_reached(call, shell):
    shell.prepare("ssd")
    chosen, home = ["--model-dir", f"{shell.folder}/model/ssd"], ["--home", str(shell.folder)]
    for verb, module in (("train-status", "run_status"), ("train-stop", "stop")):
        told = call(verb, PORT="7007")
        assert (told["module"], told["arguments"]) == (f"todus.training.process.{module}", [*chosen, *home])
    told = call("tensorboard", PORT="7007")
    assert told["module"] == "todus.training.monitoring.tensorboard"
    assert told["arguments"] == [*chosen, "--port", "7007", "--listen", "localhost", *home]


def test_what_is_converted_and_how_is_passed_on(call, shell):
    shell.prepare("ssd")
    chosen, home = ["--model-dir", f"{shell.folder}/model/ssd"], ["--home", str(shell.folder)]
    plain = call("convert-uff")
    assert plain["module"] == "todus.converting.uff"
    assert plain["arguments"] == [*chosen, "--text", "0", "--plugins", "trt8", *home]
    settings = {"GRAPH": "pretrained", "THRESHOLD": "0.3", "CONFIG": "my own.py", "TEXT": "1", "PLUGINS": "trt5"}
    options = ["--graph", "pretrained", "--threshold", "0.3", "--config", "my own.py"]
    options += ["--text", "1", "--plugins", "trt5"]
    assert call("convert-uff", **settings)["arguments"] == [*chosen, *options, *home]


def test_the_format_of_a_device_kit_is_passed_on(call, shell):
    shell.prepare("ssd")
    chosen, home = ["--model-dir", f"{shell.folder}/model/ssd"], ["--home", str(shell.folder)]
    for variables, given in (({}, "tflite"), ({"FORMAT": "onnx"}, "onnx")):
        called = call("device-kit", **variables)
        assert called["module"] == "todus.device_kit.kit"
        assert called["arguments"] == [*chosen, "--format", given, *home]


def test_a_benchmark_is_told_what_to_compare_and_with_how_many_threads(call, shell):
    shell.prepare("ssd")
    always = {"--model-dir": f"{shell.folder}/model/ssd", "--home": str(shell.folder)}
    plain = call("benchmark")
    assert (plain["module"], pairs(plain)) == ("todus.benchmark.benchmark", always)
    settings = {"GRAPH": "exported int8", "CHECKPOINT": "best", "EVAL_IMAGES": "50", "THREADS": "1"}
    options = {"--graph": "exported int8", "--checkpoint": "best", "--eval-images": "50", "--threads": "1"}
    assert pairs(call("benchmark", **settings)) == {**always, **options}


def test_what_is_empty_is_left_to_the_default_where_there_is_one(call):
    for verb in ("dataset-limited", "dataset-complete"):
        empty = dict.fromkeys(("FETCH", "NEGATIVES", "MASKS", "PREVIEW", "CONNECTIONS"), "")
        arguments = call(verb, **empty, SPLITS="")["arguments"]
        assert not {"--fetch", "--negatives", "--masks", "--preview", "--connections"} & set(arguments)
        assert arguments[arguments.index("--splits") + 1] == ""  # which is refused


def test_categories_are_listed_as_json_when_that_is_asked_for(call, shell):
    plain = call("categories", CATEGORIES="bear", SPLITS="val")
    coco = ["--categories", "bear", "--splits", "val", "--coco-url", "http://images.cocodataset.org"]
    assert (plain["module"], plain["arguments"]) == ("todus.coco.statistics", [*coco, "--home", str(shell.folder)])
    for value in ("", "0"):
        assert "--json" not in call("categories", JSON=value)["arguments"]
    assert "--json" in call("categories", JSON="1")["arguments"]
    assert "JSON=yes" in shell.the_error(shell.script("categories", JSON="yes"))


def test_checkpoint_prefix_is_another_name_for_checkpoint(call, shell):
    shell.prepare("ssd")
    for verb in ("eval", "export"):
        for variables in (
            {"CHECKPOINT": "model.ckpt-5"},
            {"CHECKPOINT_PREFIX": "model.ckpt-5"},
            {"CHECKPOINT": "model.ckpt-5", "CHECKPOINT_PREFIX": "model.ckpt-7"},
        ):
            arguments = call(verb, **variables)["arguments"]
            assert arguments[arguments.index("--checkpoint") + 1] == "model.ckpt-5"


def test_what_to_detect_in_is_passed_on(call, shell):
    shell.prepare("ssd")
    chosen, home = ["--model-dir", f"{shell.folder}/model/ssd"], ["--home", str(shell.folder)]
    plain = call("detect")
    assert (plain["module"], plain["arguments"]) == ("todus.detecting.detect", [*chosen, *home])
    settings = {"IMAGE": "my 'photos' $HOME", "GRAPH": "tflite", "THRESHOLD": "0.5", "OUTPUT": "my own"}
    options = ["--image", "my 'photos' $HOME", "--graph", "tflite", "--threshold", "0.5", "--output", "my own"]
    assert call("detect", **settings, JSON="1")["arguments"] == [*chosen, *options, "--json", *home]
    assert call("detect", CHECKPOINT_PREFIX="best")["arguments"] == [*chosen, "--checkpoint", "best", *home]
    refused = shell.the_error(shell.script("detect", GRAPH="exported", CHECKPOINT="best"))
    assert "GRAPH=exported" in refused and "CHECKPOINT=best" in refused


@pytest.mark.parametrize("name", ["CHECKPOINT", "CHECKPOINT_PREFIX"])
def test_a_graph_and_a_checkpoint_are_not_evaluated_at_once(shell, name):
    shell.prepare("ssd")
    error = shell.the_error(shell.script("eval", GRAPH="exported", **{name: "model.ckpt-5"}))
    assert "GRAPH=exported" in error and "CHECKPOINT=model.ckpt-5" in error
    (call,) = shell.calls(shell.script("eval", GRAPH="checkpoint", **{name: "model.ckpt-5"}))
    assert {"checkpoint", "model.ckpt-5"} < set(call["arguments"])


def test_nothing_of_the_run_leaks_into_the_environment_of_python(call, shell):
    environment = call("dataset-limited", CATEGORIES="bear", MODEL="ssd", STEPS="3")["environment"]
    ours = {"CATEGORIES", "MODEL", "STEPS", "VENV", "GPU", "TODUS_HOME", "TODUS_VARIABLES", "OBJECT_DETECTION_DIR"}
    assert not (ours | {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}) & set(environment)


def test_only_a_given_checkout_of_the_api_is_left_in_the_environment(call):
    assert call("demo", OBJECT_DETECTION_DIR="/research")["environment"]["OBJECT_DETECTION_DIR"] == "/research"


def test_a_python_path_of_the_user_is_dropped(shell):
    (call,) = shell.calls(shell.make("demo", PYTHONPATH="/somewhere/research:/somewhere/research/slim"))
    assert call["environment"]["PYTHONPATH"] == f"{shell.folder}/python"


def test_goals_run_in_the_order_given_with_many_jobs_too(shell):
    shell.prepare("ssd")
    goals = ["dataset-limited", "train", "eval", "export"]
    modules = ["coco.dataset", "training.train", "evaluation.evaluate", "exporting.inference_graph"]
    for jobs in ("-j1", "-j8"):
        assert [call["module"] for call in shell.calls(shell.make(jobs, *goals))] == [
            f"todus.{name}" for name in modules
        ]
    backwards = [call["module"] for call in shell.calls(shell.make("-j8", *goals[::-1]))]
    assert backwards == [f"todus.{name}" for name in modules[::-1]]


def test_a_failing_verb_stops_those_after_it_and_keeps_its_status(shell):
    shell.prepare("ssd")
    (shell.folder / "python/todus/training/train.py").write_text("raise SystemExit(1)")
    assert shell.script("train").returncode == 1
    finished = shell.make("train", "eval")
    assert finished.returncode == 2  # make's own status for any failure
    assert finished.stdout == ""
