"""Early stopping whose state can be saved and resumed."""

from typing import Any

import keras

from dlunits.typing import Array


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that can be resumed.

    It stops training when the monitored metric has not improved for `patience`
    epochs. `keras.callbacks.EarlyStopping` resets its counter in every `fit`;
    this subclass exposes its state (`state`, `best_weights`) and restores it
    with `resume`.

    Reference: Prechelt, 1998, "Early Stopping - But When?",
    https://doi.org/10.1007/3-540-49430-8_3

    Args:
        *args, **kwargs: Arguments of `keras.callbacks.EarlyStopping`.

    Example:

    >>> stopping = EarlyStopping("val_loss", patience=3)
    >>> stopping.resume({"best": 0.5, "best_epoch": 4, "wait": 2}, None)
    >>> stopping.on_train_begin()
    >>> stopping.wait
    2
    """

    resumed: tuple[dict[str, Any], list[Array] | None] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """JSON-serializable dict: best value and epoch, epochs waited."""
        return {
            "best": self.best,
            "best_epoch": getattr(self, "best_epoch", None),
            "wait": self.wait,
        }

    def resume(
        self, state: dict[str, Any], best_weights: list[Array] | None
    ) -> None:
        """Sets the state from which the next `fit` continues.

        Args:
            state: Value of `state` in the interrupted run.
            best_weights: Value of `best_weights` in the interrupted run.
        """
        self.resumed = (state, best_weights)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        if self.resumed is not None:
            state, self.best_weights = self.resumed
            self.best = state["best"]
            self.best_epoch = state["best_epoch"]
            self.wait = state["wait"]
