"""The two functions that scripts call: from a TensorFlow graph to a .uff file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uff import preprocessing, targets
from uff.errors import UffError
from uff.log import Log
from uff.targets import Targets
from uff.text import dump

if TYPE_CHECKING:
    from graphsurgeon import DynamicGraph

Result = bytes | tuple[bytes, list, list]


def from_tensorflow_frozen_model(
    frozen_file: str | os.PathLike, output_nodes: list[str] | None = None, preprocessor: Any = None, **kwargs: Any
) -> Result:
    """Convert a frozen graph (.pb). Arguments, result and errors are those of `from_tensorflow`."""
    if not Path(frozen_file).is_file():
        raise UffError(f"there is no frozen graph {frozen_file}")
    return from_tensorflow(frozen_file, output_nodes, preprocessor, **kwargs)


def from_tensorflow(
    graphdef: Any,
    output_nodes: list[str] | None = None,
    preprocessor: str | os.PathLike | None = None,
    *,
    output_filename: str | os.PathLike | None = None,
    write_preprocessed: bool = False,
    text: bool = False,
    quiet: bool = False,
    debug_mode: bool = False,
    return_graph_info: bool = False,
    list_nodes: bool = False,
) -> Result:
    """Convert a graph to UFF.

    Args:
      graphdef: a GraphDef, a tf.Graph, a graph of graphsurgeon, or the path of a frozen graph.
      output_nodes: the names of the outputs, with or without `:0`; without any, all that nobody reads.
      preprocessor: the path of a script whose `preprocess(dynamic_graph)` changes the graph first.
      output_filename: the file to write. Neither it nor what is written beside it may be a file that is read.
      write_preprocessed: also write the graph that the script has made, as .pb and for TensorBoard.
      text: also write the readable form, with the suffix .pbtxt.
      quiet: print nothing.
      debug_mode: print every node.
      return_graph_info: also return the graph's inputs and outputs.
      list_nodes: print the graph's nodes first.

    Returns:
      The bytes of the .uff file; or these, the input nodes and the output nodes.

    Raises:
      UffError: the graph cannot be converted, or an argument is wrong.
      OSError: a file cannot be read or written.
    """
    if (text or write_preprocessed) and not output_filename:
        raise UffError("text and write_preprocessed need an output_filename")
    to_write = _targets(graphdef, preprocessor, output_filename, text, write_preprocessed)
    log = Log(quiet, debug_mode)
    graph = _preprocessed(graphdef, preprocessor)
    if list_nodes:
        for number, node in enumerate(graph):
            log.say(f"{number} {node.op}: {node.name}")
    outputs = [output_nodes] if isinstance(output_nodes, str) else list(output_nodes or [])
    outputs = [name.removesuffix(":0") for name in outputs] or [node.name for node in graph.graph_outputs]
    meta = _converted(graph, outputs, log)
    content = meta.SerializeToString(deterministic=True)
    if to_write:
        _write(to_write, meta, content, graph, log)
    if return_graph_info:
        return content, graph.graph_inputs, [graph[name] for name in outputs]
    return content


def _targets(
    graphdef: Any,
    preprocessor: str | os.PathLike | None,
    output_filename: str | os.PathLike | None,
    text: bool,
    write_preprocessed: bool,
) -> Targets | None:
    if not output_filename:
        return None
    chosen = targets.beside(Path(output_filename), text, write_preprocessed)
    read = [graphdef if isinstance(graphdef, str | os.PathLike) else None, preprocessor]
    targets.require_apart(chosen, [Path(path) for path in read if path])
    return chosen


def _preprocessed(graphdef: Any, preprocessor: str | os.PathLike | None) -> DynamicGraph:
    from graphsurgeon import DynamicGraph, GraphError

    try:
        graph = DynamicGraph(graphdef)
    except GraphError as error:
        raise UffError(str(error)) from error
    if preprocessor:
        preprocessing.run(preprocessor, graph)
    return graph


def _converted(graph: DynamicGraph, outputs: list[str], log: Log) -> Any:
    from uff.graph import convert

    log.say("=== Automatically deduced input nodes ===")
    log.say(str(graph.graph_inputs))
    log.say("=========================================")
    for name in outputs:
        log.say(f"Using output node {name}")
    log.say("Converting to UFF graph")
    meta = convert(graph.node_map, outputs, log)
    log.say(f"No. nodes: {len(meta.graphs[0].nodes)}")
    return meta


def _write(to_write: Targets, meta: Any, content: bytes, graph: DynamicGraph, log: Log) -> None:
    if to_write.graph:
        graph.write(to_write.graph)
        graph.write_tensorboard(to_write.tensorboard)
        log.say(f"Preprocessed graph written to {to_write.graph}, for TensorBoard to {to_write.tensorboard}")
    to_write.binary.write_bytes(content)
    log.say(f"UFF Output written to {to_write.binary}")
    if to_write.text:
        to_write.text.write_text(dump(meta), encoding="utf-8")
        log.say(f"UFF Text Output written to {to_write.text}")
