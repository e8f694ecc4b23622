"""Start or resume training from a checkpoint, exactly and completely.

A checkpoint that training wrote holds every variable, the optimizer's included. The one that `make model` wrote
(model.ckpt-0) holds the detector only: the optimizer then starts fresh, and moving averages start at the weights.
"""

from __future__ import annotations

from pathlib import Path

from todus import checkpoint
from todus.bridge.exporter import MOVING_AVERAGE
from todus.bridge.graph_mode import tf
from todus.errors import UserError

OPTIONAL_VARIABLES = "quant_vars"  # the graph collection of those that a checkpoint of the detector may lack


def restorer(prefix: Path, remedy: str = "run make model again"):
    """Add what restores the default graph's variables from `prefix`; return the function that does so in a session.

    Raises:
      UserError: a variable of the detector is not in the checkpoint, or has another shape there (the message has
        `remedy` in it), or (from the function returned) the checkpoint is damaged.
    """
    saved = checkpoint.shapes(prefix)
    variables = {variable.op.name: variable for variable in tf.global_variables()}
    require_detector(variables, saved, prefix, remedy)
    saver = tf.train.Saver([variable for name, variable in variables.items() if name in saved])
    fresh_averages = tf.group(
        *[
            variable.assign(variables[name.removesuffix(MOVING_AVERAGE)])
            for name, variable in variables.items()
            if name.endswith(MOVING_AVERAGE) and name not in saved
        ]
    )

    def restore(session: tf.Session) -> None:
        try:
            saver.restore(session, str(prefix))
        except (tf.errors.OpError, ValueError) as error:
            raise checkpoint.unreadable(prefix, error) from None
        session.run(fresh_averages)

    return restore


def require_detector(variables: dict, saved: dict[str, list[int]], prefix: Path, remedy: str) -> None:
    optional = {variable.op.name for variable in tf.get_collection(OPTIONAL_VARIABLES)}
    detector = {variable.op.name for variable in (*tf.model_variables(), *tf.trainable_variables())} - optional
    for name, variable in variables.items():
        shape = variable.shape.as_list()
        if (name in detector and name not in saved) or saved.get(name, shape) != shape:
            raise UserError(
                f"checkpoint {prefix} does not fit pipeline.config: {name} should be {shape}, it has "
                f"{saved.get(name, 'nothing')}; {remedy}, or choose another CHECKPOINT"
            )
