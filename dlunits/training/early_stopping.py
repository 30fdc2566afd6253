"""Early stopping that a resumed run continues."""

import keras


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Stops when the monitored metric no longer improves; can be resumed.

    `keras.callbacks.EarlyStopping` starts counting anew in every `fit`. This
    one hands out where it stands (`state`, `best_weights`) and continues from
    there (`resume`).

    Reference: Prechelt, 1998, "Early Stopping - But When?",
    https://doi.org/10.1007/3-540-49430-8_3

    Args:
        As `keras.callbacks.EarlyStopping`.

    Example:

    >>> stopping = EarlyStopping("val_loss", patience=3)
    >>> stopping.resume({"best": 0.5, "best_epoch": 4, "wait": 2}, None)
    >>> stopping.on_train_begin()
    >>> stopping.wait
    2
    """

    resumed = None

    @property
    def state(self):
        """Dict that JSON can hold."""
        return {
            "best": self.best,
            "best_epoch": getattr(self, "best_epoch", None),
            "wait": self.wait,
        }

    def resume(self, state, best_weights):
        self.resumed = (state, best_weights)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.resumed is not None:
            state, self.best_weights = self.resumed
            self.best = state["best"]
            self.best_epoch = state["best_epoch"]
            self.wait = state["wait"]
