"""`make models` reaches its module with what the user has set."""

import pytest


@pytest.mark.parametrize("way", ["make", "script"])
def test_it_lists_for_people_unless_json_is_asked_for(way, shell):
    run = getattr(shell, way)
    home = ["--home", str(shell.folder)]
    for value in ("", "0"):
        (call,) = shell.calls(run("models", JSON=value))
        assert (call["module"], call["arguments"]) == ("todus.zoo.models", home)
    (call,) = shell.calls(run("models", JSON="1"))
    assert call["arguments"] == ["--json", *home]
    assert "JSON=yes" in shell.the_error(run("models", JSON="yes"))
