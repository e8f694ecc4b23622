"""Small SSDs with random weights as frozen graphs, and as .uff files."""

from __future__ import annotations

from functools import cache

from todus.bridge import detection_model
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.converting import ssd_parameters, uff, uff_graph, uff_plugins
from todus.converting.frozen_graph import FrozenGraph
from zoo import families

from uff.schema import MetaGraph

V1, V2, LITE, INCEPTION = "ssd mobilenet v1", "ssd with hidden layers", "ssdlite", "ssd inception v2"
FAMILIES = (V1, V2, LITE, INCEPTION)


def pipeline(family: str) -> Pipeline:
    """The family's, with the quickest suppression to build."""
    parsed = families.pipeline(families.SSD[family])
    settings = parsed.model.ssd.post_processing.batch_non_max_suppression
    settings.use_combined_nms, settings.change_coordinate_frame = True, False
    return parsed


@cache
def _frozen(family: str) -> bytes:
    detector = detection_model.build_graph(pipeline(family))
    with detector.graph.as_default(), tf.Session() as session:
        session.run(tf.global_variables_initializer())
        outputs = [tensor.op.name for tensor in detector.outputs.values()]
        definition = tf.graph_util.convert_variables_to_constants(session, detector.graph.as_graph_def(), outputs)
    return definition.SerializeToString()


def frozen(family: str) -> tf.GraphDef:
    """A graph to do with as one likes."""
    return tf.GraphDef.FromString(_frozen(family))


def rewritten(definition: tf.GraphDef, parsed: Pipeline, generation: str = uff.DEFAULT) -> tf.GraphDef:
    limits = ssd_parameters.suppression(parsed)
    return uff_graph.rewrite(FrozenGraph(definition), parsed, limits, uff_plugins.DIALECTS[generation])


def converted(family: str, generation: str = uff.DEFAULT) -> MetaGraph:
    graph = rewritten(frozen(family), pipeline(family), generation)
    return MetaGraph.FromString(uff.serialized(graph))


def nodes(meta: MetaGraph) -> dict:
    return {node.id: node for node in meta.graphs[0].nodes}
