"""Training of a classifier with several seeds; each result is saved."""

import pathlib
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from dlunits.tasks.lab.ordered_batches import batches_of, batches_of_epochs
from dlunits.tasks.lab.output_probabilities import cross_entropy
from dlunits.training.checkpoint import (
    load_checkpoint,
    read_state,
    save_checkpoint,
)
from dlunits.training.run_directory import check_same_run
from dlunits.typing import Array

# Examples and indices of their classes.
Split = tuple[Array, Array]

VALIDATION_BATCH_SIZE = 500


class Trainer:
    """Trains a classifier with Adam, once for each seed.

    The network is compiled once. The initial weights and the order of the
    examples, and therefore the losses, are those of the script that
    `dlunits.tasks.lab.keras_code.training_code` returns.

    Args:
        make_model: Function that builds the untrained model, whose inputs have
            the shape of the examples.
        train: Examples and indices of their classes.
        validation: Likewise.
        run: JSON-serializable dict of everything else that the result depends
            on.
        epochs: Number of epochs.
        batch_size: Examples per mini-batch.
        learning_rate: Learning rate of Adam.

    Attributes:
        model: Model with the weights of the last training.
    """

    def __init__(
        self,
        make_model: Callable[[], keras.Model],
        train: Split,
        validation: Split,
        *,
        run: dict[str, Any],
        epochs: int,
        batch_size: int,
        learning_rate: float,
    ) -> None:
        self.make_model = make_model
        self.model = make_model()
        optimizer = keras.optimizers.Adam(learning_rate)
        loss = cross_entropy(self.model, train[0].shape[1:])
        self.model.compile(optimizer, loss, metrics=["accuracy"])
        optimizer.build(self.model.trainable_variables)
        self.optimizer_state = [
            keras.ops.copy(variable) for variable in optimizer.variables
        ]
        num_classes = self.model.output_shape[-1]
        self.train, self.validation = (
            (x, keras.utils.to_categorical(labels, num_classes))
            for x, labels in (train, validation)
        )
        self.epochs = epochs
        self.batch_size = batch_size
        self.run = {
            **run,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "backend": keras.backend.backend(),
        }

    def fit(
        self,
        seed: int,
        path: pathlib.Path,
        update: Callable[[int], Any] = lambda _: None,
    ) -> dict[str, Any]:
        """Trains with a seed, or loads the result if it is saved.

        Training ends early if the loss of an epoch is not finite.

        Args:
            seed: Seed of the initial weights and of the order of the examples.
            path: `.npz` file of the result, written atomically.
            update: Called with the number of finished epochs.

        Returns:
            Dict of `history`, a dict of metric name to the values of the
            epochs, and `seconds`.

        Raises:
            ValueError: If the file belongs to another run, or is damaged.
            OSError: If the file cannot be written.
        """
        run = {**self.run, "seed": seed}
        self.reset(seed)
        if path.exists():
            check_same_run(path, read_state(path)["run"], run)
            state, _ = load_checkpoint(path, self.model)
            update(self.epochs)
            return state
        start = time.monotonic()
        progress = EpochProgress(update, self.epochs)
        log = self.model.fit(
            batches_of_epochs(
                *self.train,
                seed=seed,
                epochs=self.epochs,
                batch_size=self.batch_size,
            ),
            epochs=self.epochs,
            steps_per_epoch=len(self.train[0]) // self.batch_size,
            validation_data=batches_of(
                *self.validation,
                np.arange(len(self.validation[0])),
                VALIDATION_BATCH_SIZE,
            ),
            callbacks=[progress],
            shuffle=False,  # avoids a warning: a dataset is not shuffled
            verbose=0,
        )
        state = {
            "run": run,
            "history": {
                name: list(map(float, values))
                for name, values in log.history.items()
            },
            "seconds": time.monotonic() - start,
        }
        save_checkpoint(path, self.model, state)
        return state

    def reset(self, seed: int) -> None:
        """Sets the initial weights of a seed, and the state of Adam."""
        keras.utils.set_random_seed(seed)
        fresh = self.make_model()
        for variable, initial in [
            *zip(self.model.variables, fresh.variables, strict=True),
            *zip(
                self.model.optimizer.variables,
                self.optimizer_state,
                strict=True,
            ),
        ]:
            variable.assign(initial)

    def copy_model(self) -> keras.Model:
        """Separate model with the weights of the last training."""
        copy = self.make_model()
        copy.set_weights(self.model.get_weights())
        return copy


class EpochProgress(keras.callbacks.Callback):
    """Counts epochs, and stops the training if a loss is not finite.

    Args:
        update: Called with a number of epochs.
        epochs: Number of epochs.
    """

    def __init__(self, update: Callable[[int], Any], epochs: int) -> None:
        super().__init__()
        self.update = update
        self.epochs = epochs

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        diverged = not np.isfinite((logs or {})["loss"])
        self.update(self.epochs - epoch if diverged else 1)
        self.model.stop_training = diverged
