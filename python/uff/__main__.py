"""Convert a frozen TensorFlow graph to UFF.

python -m uff frozen_inference_graph.pb -o model.uff -O NMS -p config.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from uff import UffError, from_tensorflow_frozen_model


def main() -> None:
    arguments = _parse_arguments()
    if arguments.list_nodes:
        _list_nodes(arguments.input_file)
        return
    from_tensorflow_frozen_model(
        arguments.input_file,
        arguments.output_node,
        arguments.preprocessor,
        output_filename=arguments.output or arguments.input_file.with_suffix(".uff"),
        text=arguments.text,
        write_preprocessed=arguments.write_preprocessed,
        quiet=arguments.quiet,
        debug_mode=arguments.debug,
    )


def _list_nodes(path: Path) -> None:
    from graphsurgeon import GraphError, StaticGraph

    try:
        graph = StaticGraph(path)
    except GraphError as error:
        raise UffError(str(error)) from error
    for node in graph:
        print(f"{node.op}: {node.name}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m uff", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input_file", type=Path, help="the frozen graph, a .pb file")
    parser.add_argument("-o", "--output", type=Path, help="the file to write (default: the graph's name with .uff)")
    parser.add_argument("-O", "--output-node", action="append", default=[], help="an output; may be given again")
    parser.add_argument("-p", "--preprocessor", type=Path, help="a script with preprocess(dynamic_graph)")
    parser.add_argument("-t", "--text", action="store_true", help="also write the readable form, .pbtxt")
    parser.add_argument("-l", "--list-nodes", action="store_true", help="list the graph's nodes and convert nothing")
    parser.add_argument("--write-preprocessed", action="store_true", help="also write the graph that the script made")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing")
    parser.add_argument("-d", "--debug", action="store_true", help="print every node")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (UffError, OSError) as error:
        sys.exit(f"uff: {error}")
