"""Training and measurements of the convolution lab."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from dlunits.models import LeNet5
from dlunits.tasks.lab.convolution import motion, shifts
from dlunits.tasks.lab.convolution.networks import (
    dense_network,
    global_pooling_cnn,
)
from dlunits.tasks.lab.convolution.train import Trainer
from dlunits.tasks.lab.sources import LabData, reshape_examples
from dlunits.training.result_cache import cached_result, result_path
from dlunits.typing import Array

FCNN, LENET, POOLED, OWN = "FCNN", "LeNet-5", "CNN, global pooling", "own model"
VOLUME, MEAN = "volume", "mean image"

MOTION_EPOCHS = 4
MOTION_BATCH_SIZE = 32
MOTION_LEARNING_RATE = 3e-3
MAX_VOLUMES = 1_000  # training volumes

# Creates a progress bar, called with `total`, `desc` and `unit` of tqdm.
ProgressBar = Callable[..., Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and its measurements.

    Args:
        network: Name of the network.
        seed: Seed of the training.
        model: Trained model.
        history: Dict of metric name to its values, one per epoch.
        seconds: Duration of the training.
        accuracies: Rows with `accuracy` on test examples, one for each shift.
    """

    network: str
    seed: int
    model: keras.Model
    history: dict[str, list[float]]
    seconds: float
    accuracies: list[dict[str, Any]]

    @property
    def diverged(self) -> bool:
        """Whether the last training loss is not finite."""
        return not np.isfinite(self.history["loss"][-1])


def make_networks(
    data: LabData, own: keras.Model | None
) -> dict[str, Callable[[], keras.Model]]:
    """Networks to compare, with about the same number of parameters.

    Args:
        data: Images of 28x28 pixels.
        own: A user's model for these images, which is compared instead of
            LeNet-5 and the CNN with global pooling; or `None`.

    Returns:
        Dict of name to a function that builds the untrained network.
    """
    classes = data.num_outputs
    if own is None:
        convolutional: dict[str, Callable[[], keras.Model]] = {
            LENET: lambda: LeNet5(classes),
            POOLED: lambda: global_pooling_cnn(classes),
        }
    else:
        model = own
        convolutional = {OWN: lambda: keras.models.clone_model(model)}
    size = max(make().count_params() for make in convolutional.values())
    shape = data.input_shape if own is None else own.input_shape[1:]
    return {
        FCNN: lambda: dense_network(shape, classes, size),
        **convolutional,
    }


def compare_networks(
    folder: pathlib.Path,
    data: LabData,
    networks: Mapping[str, Callable[[], keras.Model]],
    *,
    seeds: Sequence[int],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    progress: ProgressBar,
) -> list[Trained]:
    """Trains the networks, and measures their accuracy under shifts.

    Finished runs in `folder` are loaded and not repeated.

    Args:
        folder: Existing folder of the results.
        data: Images of 28x28 pixels.
        networks: What `make_networks` returns.
        seeds: Seeds; each network is trained once with each.
        epochs: Number of epochs.
        batch_size: Examples per mini-batch.
        learning_rate: Learning rate of Adam.
        progress: Function that creates a progress bar.

    Returns:
        Trained networks, by network and then by seed.

    Raises:
        ValueError: If a saved result is damaged.
        OSError: If a file cannot be written.
    """
    recipe: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }
    trained = []
    num_shifts = len(shifts.shift_offsets())
    with progress(
        total=len(networks) * len(seeds) * (epochs + num_shifts),
        desc="FCNN and CNN",
        unit=" epochs and shifts",
    ) as bar:
        for network, make in networks.items():
            model = make()
            inputs = reshape_examples(data, model)
            run = {
                "network": network,
                "layers": model.to_json(),
                "data": data.fingerprint,
            }
            trainer = Trainer(
                make, inputs.train, inputs.validation, run=run, **recipe
            )
            for seed in seeds:
                path = training_path(folder, network, seed, trainer.run)
                state = trainer.fit(seed, path, bar.update)
                before = bar.n
                accuracies = cached_accuracies(
                    path.with_suffix(".json"), trainer.model, data, bar.update
                )
                bar.update(before + num_shifts - bar.n)
                trained.append(
                    Trained(
                        network,
                        seed,
                        trainer.copy_model(),
                        state["history"],
                        state["seconds"],
                        accuracies,
                    )
                )
    return trained


def cached_accuracies(
    path: pathlib.Path,
    model: keras.Model,
    data: LabData,
    update: Callable[[int], Any],
) -> list[dict[str, Any]]:
    """Accuracy on shifted test images, loaded from a file if it exists."""
    return cached_result(
        path,
        {"max_shift": shifts.MAX_SHIFT, "data": data.fingerprint},
        model,
        lambda: {
            "rows": shifts.accuracy_by_shift(model, *data.test, update=update)
        },
    )["rows"]


def compare_motion(
    folder: pathlib.Path,
    data: LabData,
    *,
    seeds: Sequence[int],
    progress: ProgressBar,
) -> list[Trained]:
    """Trains 3-D CNNs on volumes of moving digits, and on their mean images.

    Args:
        folder: Existing folder of the results.
        data: Images of 28x28 pixels.
        seeds: Seeds; with each, one network is trained on volumes and one on
            mean images.
        progress: Function that creates a progress bar.

    Returns:
        Trained networks. `network` is `"volume"` or `"mean image"`.

    Raises:
        ValueError: If a saved result is damaged.
        OSError: If a file cannot be written.
    """
    splits = [
        motion.moving_digits(images[:MAX_VOLUMES], seed=number)
        for number, (images, _) in enumerate(
            (data.train, data.validation, data.test)
        )
    ]
    trained = []
    with progress(
        total=2 * len(seeds) * MOTION_EPOCHS, desc="3-D CNN", unit=" epochs"
    ) as bar:
        for name in (VOLUME, MEAN):
            train, validation, test = [
                (motion.mean_frames(x) if name == MEAN else x, y)
                for x, y in splits
            ]
            trainer = Trainer(
                motion.motion_network,
                train,
                validation,
                run={"network": name, "data": data.fingerprint},
                epochs=MOTION_EPOCHS,
                batch_size=min(MOTION_BATCH_SIZE, len(train[1])),
                learning_rate=MOTION_LEARNING_RATE,
            )
            for seed in seeds:
                path = training_path(
                    folder, f"motion {name}", seed, trainer.run
                )
                state = trainer.fit(seed, path, bar.update)
                scores = trainer.model.predict(test[0], verbose=0)
                accuracy = float((scores.argmax(axis=1) == test[1]).mean())
                trained.append(
                    Trained(
                        name,
                        seed,
                        trainer.copy_model(),
                        state["history"],
                        state["seconds"],
                        [{"accuracy": accuracy}],
                    )
                )
    return trained


def training_path(
    folder: pathlib.Path, name: str, seed: int, run: dict[str, Any]
) -> pathlib.Path:
    """File of a finished run, named by network, seed and a hash of `run`."""
    words = "".join(c if c.isalnum() else "_" for c in name.lower())
    return result_path(folder, f"{words}_seed_{seed}", run)


def of_network(trained: Sequence[Trained], network: str) -> list[Trained]:
    """Runs of one network, one for each seed."""
    return [each for each in trained if each.network == network]


def accuracies_at(
    trained: Sequence[Trained], network: str, shift: int
) -> Array:
    """Mean accuracy over the directions of a shift, for each seed."""
    return np.array(
        [
            shifts.mean_over_directions(each.accuracies)[shift]
            for each in of_network(trained, network)
        ]
    )
