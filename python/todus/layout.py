"""Every path of the dataset/ and model/ trees, and nothing else.

dataset/mscoco/raw-data/            what COCO ships; never changed
dataset/mscoco/{complete,limited}/  records, annotations, label map, dataset.json
model/archives/                     the zoo's archives as downloaded
model/NAME/{pretrained,training,eval,inference-graph,detected}/
model/NAME/NAME.{tflite,onnx,uff}   the model for a device
model/NAME/device-kit-FORMAT/       a folder to copy to a device
model/NAME/benchmark.{json,md,png}  its formats side by side
model/NAME/benchmark/               what that has made to measure, in model/NAME/benchmark/NAME/ as in model/NAME/
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = CHECKOUT / "config"

# The label map that the zoo's COCO models were trained with: 80 categories with ids between 1 and 90.
COCO_LABEL_MAP = CONFIG / "mscoco_label_map.pbtxt"

LABELS = "labels.txt"

TRAIN_LOG = "train.log"

# How the Object Detection API's exporter names what it writes.
FROZEN_GRAPH = "frozen_inference_graph.pb"
PIPELINE = "pipeline.config"

_LONG = 120  # bytes of a graph's name in the name of a file

# Shards per split, as the Object Detection API's create_coco_tf_record writes them.
SHARDS = {"train": 100, "val": 50, "testdev": 100}


@dataclass(frozen=True)
class RawData:
    """`dataset/mscoco/raw-data`: COCO's own files under COCO's own names."""

    folder: Path

    @property
    def annotations_folder(self) -> Path:
        return self.folder / "annotations"

    def annotations(self, split: str) -> Path:
        """The annotation file of `split`: instances for train and val, image info for test-dev."""
        name = "image_info_test-dev2017.json" if split == "testdev" else f"instances_{split}2017.json"
        return self.annotations_folder / name

    def images(self, split: str) -> Path:
        return self.folder / ("test2017" if split == "testdev" else f"{split}2017")

    def archive(self, name: str) -> Path:
        return self.folder / name

    def inventory(self, split: str) -> Path:
        """How many bytes each image of `split` has."""
        return self.folder / "inventory" / f"{self.images(split).name}.json"

    @property
    def source(self) -> Path:
        """Where the files were fetched from; not there where all of them are the user's own."""
        return self.folder / "source.json"


@dataclass(frozen=True)
class Dataset:
    """`dataset/mscoco/NAME`, where NAME is `complete` or `limited`."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def raw_data(self) -> RawData:
        """COCO's own files in the same tree."""
        return RawData(self.folder.parent / "raw-data")

    def records_pattern(self, split: str) -> str:
        """The pattern that a pipeline's input reader takes, e.g. `coco_train.record-?????-of-00100`."""
        return f"coco_{split}.record-?????-of-{SHARDS[split]:05d}"

    def record(self, split: str, shard: int) -> Path:
        return self.folder / f"coco_{split}.record-{shard:05d}-of-{SHARDS[split]:05d}"

    def annotations(self, split: str) -> Path:
        return self.folder / "annotations" / self.raw_data.annotations(split).name

    @property
    def label_map(self) -> Path:
        return self.folder / "mscoco_label_map.pbtxt"

    @property
    def preview(self) -> Path:
        """Some images with their boxes."""
        return self.folder / "preview.png"

    @property
    def chart(self) -> Path:
        """Boxes per category."""
        return self.folder / "categories.png"

    @property
    def manifest(self) -> Path:
        """What made the dataset. Written last: where it exists, the dataset is whole."""
        return self.folder / "dataset.json"


@dataclass(frozen=True)
class Model:
    """`model/NAME`: one detector, from the zoo's files to the exported graph."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def pretrained(self) -> Path:
        return self.folder / "pretrained"

    @property
    def pretrained_graph(self) -> Path:
        """The zoo's own frozen graph, all its classes; archives of quantized models have none."""
        return self.pretrained / FROZEN_GRAPH

    @property
    def pipeline(self) -> Path:
        """The configured pipeline. The last thing `make model` writes under pretrained/."""
        return self.pretrained / PIPELINE

    @property
    def zoo_pipeline(self) -> Path:
        return self.pretrained / "pipeline.config.zoo"

    @property
    def replaced_pipeline(self) -> Path:
        """Where `make model` keeps the pipeline, with the user's edits in it, while it cuts the head anew."""
        return self.pretrained / "pipeline.config.before"

    @property
    def training(self) -> Path:
        return self.folder / "training"

    @property
    def label_map(self) -> Path:
        """The label map of the dataset that training/model.ckpt-0 was cut for, as it was then."""
        return self.training / "label_map.pbtxt"

    @property
    def train_log(self) -> Path:
        """What training said, runs one after the other."""
        return self.training / TRAIN_LOG

    @property
    def best(self) -> Path:
        """The checkpoint with the highest average precision so far, and what it was."""
        return self.training / "best"

    @property
    def evaluation(self) -> Path:
        return self.folder / "eval"

    @property
    def report(self) -> Path:
        return self.evaluation / "report.json"

    @property
    def report_page(self) -> Path:
        return self.evaluation / "report.html"

    def detections(self, graph: str) -> Path:
        """What the graph that the report calls `graph` detected, in COCO's results format."""
        return self.evaluation / f"detections-{_in_a_file_name(graph)}.json"

    def detections_origin(self, graph: str) -> Path:
        """What these detections were made of. Written last: where it fits, they are whole."""
        return self.evaluation / f"detections-{_in_a_file_name(graph)}.origin.json"

    def curves(self, graph: str) -> Path:
        return self.evaluation / f"precision-recall-{_in_a_file_name(graph)}.png"

    def worst_images(self, graph: str) -> Path:
        """The folder of the images that the graph does worst on, with boxes."""
        return self.evaluation / f"worst-{_in_a_file_name(graph)}"

    @property
    def detected(self) -> Path:
        """The user's own pictures, with what was found in them."""
        return self.folder / "detected"

    @property
    def inference_graph(self) -> Path:
        return self.folder / "inference-graph"

    @property
    def frozen_graph(self) -> Path:
        return self.inference_graph / FROZEN_GRAPH

    @property
    def saved_model(self) -> Path:
        return self.inference_graph / "saved_model"

    @property
    def tflite_graph(self) -> Path:
        """The frozen graph that TensorFlow Lite's converter takes."""
        return self.inference_graph / "tflite_graph.pb"

    @property
    def tflite_facts(self) -> Path:
        """What is in tflite_graph.pb. Written last: where it exists, that is whole."""
        return self.inference_graph / "tflite_graph.json"

    @property
    def exported_pipeline(self) -> Path:
        return self.inference_graph / PIPELINE

    @property
    def export_source(self) -> Path:
        """The name of the checkpoint that inference-graph/ was exported from."""
        return self.inference_graph / "exported-from.txt"

    @property
    def labels(self) -> Path:
        """The categories of the exported graph, one a line."""
        return self.inference_graph / LABELS

    @property
    def tflite(self) -> Path:
        return self.folder / f"{self.name}.tflite"

    def other_tflite(self, kind: str) -> Path:
        """Where `make convert-tflite` puts what it is asked for besides."""
        return self.folder / f"{self.name}-{kind}.tflite"

    @property
    def tflite_labels(self) -> Path:
        """The categories of the .tflite files, one a line; labels.txt is the UFF file's, which may have others."""
        return self.folder / f"{self.name}.labels.txt"

    @property
    def onnx(self) -> Path:
        return self.folder / f"{self.name}.onnx"

    @property
    def onnx_labels(self) -> Path:
        """The categories of the ONNX file, one a line; those of other files may be others."""
        return self.folder / f"{self.name}.onnx.labels.txt"

    @property
    def uff(self) -> Path:
        return self.folder / f"{self.name}.uff"

    @property
    def uff_text(self) -> Path:
        """What people can read of it."""
        return self.folder / f"{self.name}.pbtxt"

    @property
    def converted_labels(self) -> Path:
        """The categories of what was converted, one a line."""
        return self.folder / LABELS

    def device_kit(self, file_format: str) -> Path:
        """The folder to copy to a device."""
        return self.folder / f"device-kit-{file_format}"

    @property
    def benchmark_json(self) -> Path:
        """All that a benchmark has measured."""
        return self.folder / "benchmark.json"

    @property
    def benchmark_table(self) -> Path:
        return self.folder / "benchmark.md"

    @property
    def benchmark_chart(self) -> Path:
        return self.folder / "benchmark.png"

    @property
    def benchmark(self) -> Path:
        """What a benchmark has made to measure it; not the user's, and made again at need."""
        return self.folder / "benchmark"

    @property
    def benchmark_pretrained(self) -> Path:
        """The pretrained model as a benchmark exports it, to compare with."""
        return self.benchmark / "pretrained"

    @property
    def benchmark_pretrained_graph(self) -> Path:
        return self.benchmark_pretrained / FROZEN_GRAPH

    @property
    def benchmark_shadow(self) -> Model:
        """The model once more, with links to its pretrained/ and training/: what is made of these goes there."""
        return Model(self.benchmark / self.name)

    @property
    def benchmark_made(self) -> Path:
        """What a benchmark has made, and of what. Where it names something, that is whole."""
        return self.benchmark / "made.json"


def _in_a_file_name(graph: str) -> str:
    """The name of a graph, which may be a long path, as part of a file's name; 255 bytes is what a disk takes."""
    encoded = graph.encode()
    if "/" not in graph and len(encoded) <= _LONG:
        return graph
    plain = encoded[:_LONG].decode(errors="ignore").replace("/", "_")
    return f"{plain}-{hashlib.sha256(encoded).hexdigest()[:8]}"


@dataclass(frozen=True)
class Home:
    """The folder that holds dataset/ and model/: this checkout, or a tree of one's own."""

    folder: Path = CHECKOUT

    @property
    def raw_data(self) -> RawData:
        return RawData(self.folder / "dataset" / "mscoco" / "raw-data")

    def dataset(self, name: str) -> Dataset:
        return Dataset(self.folder / "dataset" / "mscoco" / name)

    @property
    def models(self) -> Path:
        return self.folder / "model"

    @property
    def model_archives(self) -> Path:
        return self.models / "archives"

    def model(self, name: str) -> Model:
        return Model(self.models / name)
