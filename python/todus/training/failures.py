"""What can fail while training, in words that help: damaged records, a device without memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from todus import checkpoint, progress
from todus.bridge.graph_mode import tf
from todus.bridge.pipeline import Pipeline
from todus.coco import label_map
from todus.errors import WorldError
from todus.layout import Dataset
from todus.zoo import prepared


@contextmanager
def in_one_line(pipeline: Pipeline, folder: Path) -> Iterator[None]:
    """Raise WorldError in place of TensorFlow's errors whose cause can be named."""
    try:
        yield
    except tf.errors.DataLossError as error:
        raise _damaged_record(pipeline, folder, error) from None
    except tf.errors.InvalidArgumentError as error:
        raise _unusable_record(pipeline, folder, error) from None
    except tf.errors.ResourceExhaustedError as error:
        first_line = error.message.strip().splitlines()[0]
        raise WorldError(f"out of memory ({first_line}); run again with a lower BATCH_SIZE") from None


def _unusable_record(pipeline: Pipeline, folder: Path, error: tf.errors.InvalidArgumentError) -> WorldError:
    """A record that is whole and yet no example, an image that cannot be decoded, or a number that cannot be."""
    patterns = " ".join(pipeline.train_input_reader.tf_record_input_reader.input_path)
    newest = checkpoint.newest(folder)
    return WorldError(
        f"a step failed on what it was given ({checkpoint.reason(error)}); if that is an image or a record, delete "
        f"{patterns}, run {_make(prepared.dataset_of(pipeline))}, and train again: training goes on from "
        f"{newest.name if newest else 'the start'}"
    )


def _damaged_record(pipeline: Pipeline, folder: Path, error: tf.errors.DataLossError) -> WorldError:
    newest, dataset = checkpoint.newest(folder), prepared.dataset_of(pipeline)
    damaged = _first_damaged(_records(pipeline))
    if damaged is None:  # it can be read again
        return WorldError(f"reading the records failed ({error.message.strip().splitlines()[0]}); run again")
    return WorldError(
        f"{progress.shown(damaged)} is damaged; delete it, run {_make(dataset)}, and train again: training goes on "
        f"from {newest.name if newest else 'the start'}"
    )


def _make(dataset: Dataset) -> str:
    return prepared.make_dataset(dataset, label_map.read(dataset.label_map))


def _records(pipeline: Pipeline) -> list[Path]:
    patterns = pipeline.train_input_reader.tf_record_input_reader.input_path
    return [Path(path) for pattern in patterns for path in sorted(tf.io.gfile.glob(pattern))]


def _first_damaged(records: list[Path]) -> Path | None:
    with progress.Progress("looking for the damaged record", len(records), "file") as bar:
        for path in records:
            if not _is_readable(path):
                return path
            bar.advance()
    return None


def _is_readable(path: Path) -> bool:
    try:
        for _ in tf.io.tf_record_iterator(str(path)):
            pass
    except tf.errors.DataLossError:
        return False
    return True
