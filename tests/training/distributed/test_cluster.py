"""What TF_CONFIG says of the machines that train together, and what is wrong with it, in one line."""

from __future__ import annotations

import json

import pytest

from support import failed_in_one_line, run_verb
from todus import layout
from todus.errors import UserError
from todus.training.distributed import cluster as clusters

HOSTS = {"chief": ["a:2222"], "worker": ["b:2222", "c:2222"], "ps": ["a:2223"]}


def config(cluster: object = HOSTS, job: str = "worker", index: object = 1) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})


def test_a_task_of_a_cluster_is_read():
    cluster = clusters.parse(config())
    assert cluster.jobs == HOSTS
    assert (cluster.address, cluster.task, cluster.replicas, cluster.is_chief) == ("c:2222", "worker 1", 3, False)


def test_the_former_name_of_the_chief_is_understood():
    hosts = {"master": ["a:2222"], "ps": ["a:2223"]}
    cluster = clusters.parse(config(hosts, "master", 0))
    assert cluster.is_chief
    assert cluster.jobs == {"chief": ["a:2222"], "ps": ["a:2223"]}


@pytest.mark.parametrize("text", [None, "", " ", "{}", '{"task": {"type": "chief", "index": 0}}'])
def test_without_a_cluster_a_process_is_on_its_own(text):
    assert clusters.parse(text) is None


def test_a_chief_alone_is_on_its_own():
    assert clusters.parse(config({"chief": ["a:2222"]}, "chief", 0)) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{'cluster': {}}", "is not JSON"),
        ("[1]", 'no object with "cluster"'),
        (config({"worker": ["b:1"], "ps": ["c:1"]}), "names no chief; name one"),
        (config({"chief": ["a:1", "b:1"], "ps": ["c:1"]}), "names 2 chiefs"),
        (config({"chief": ["a:1"], "worker": ["b:1"]}), 'no ps to hold the variables; add "ps"'),
        (config({"chief": ["a:1"], "worker": ["a:1"], "ps": ["c:1"]}), "names a:1 twice"),
        (config({"chief": ["a"], "ps": ["c:1"]}), "'a' for 'chief', which is no host:port"),
        (config({"chief": ["a:99999"], "ps": ["c:1"]}), "'a:99999' for 'chief'"),
        (config({"chief": "a:1", "ps": ["c:1"]}), "no list of addresses for 'chief'"),
        (config({**HOSTS, "evaluator": ["e:1"]}), "'evaluator'; take it out: the chief evaluates"),
        (config(index=2), "worker 2; its cluster has 2, counted from 0; give each host its own task, one of:"),
        (config(index=-1), "worker -1"),
        (config(job="gpu"), "a 'gpu', which its cluster does not have"),
        (json.dumps({"cluster": HOSTS}), 'which task this process is; add "task"'),
    ],
)
def test_a_mistake_is_named_with_its_fix(text, what):
    with pytest.raises(UserError) as error:
        clusters.parse(text)
    assert str(error.value).startswith("TF_CONFIG ")
    assert what in str(error.value)
    assert "; " in str(error.value)


def test_the_verb_refuses_it_in_one_line_before_it_asks_for_a_model(tmp_path):
    result = run_verb("train", layout.Home(tmp_path), TF_CONFIG=config({"chief": ["a:1"], "worker": ["b:1"]}))
    assert failed_in_one_line(result, "TF_CONFIG names workers, but no ps")
