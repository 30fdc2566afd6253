"""A detector of rows that are unlike the normal ones."""

import functools
import math

import keras
import numpy as np
from keras import ops

from dlunits.layers import ConformalPValue
from dlunits.layers.tabular.cross_fitted_kde import check_neighborhood
from dlunits.models.anomaly.anomaly_score import (
    AnomalyScore,
    farthest_from_neighborhood,
    in_batches,
    number_of,
    own_fold,
    rows_of,
)
from dlunits.models.anomaly.autoencoder_ensemble import check_kind
from dlunits.models.anomaly.column_attribution import ColumnAttribution
from dlunits.models.anomaly.table_schema import TableSchema
from dlunits.models.anomaly.value_formatting import explanation

# The most rows that are learnt from, compared with, and calibrated by.
MOST_LEARNT, MOST_REFERENCES, MOST_CALIBRATED = 100_000, 2_000, 20_000
LEAST_ROWS = 20

# With one fold: rows up to here are learnt from, up to there they set what is
# usual, and the rest calibrates.
LEARNING_SETTING = 0.6, 0.75


@keras.saving.register_keras_serializable(package="dlunits")
class AnomalyDetector(keras.Model):
    """Learns normal rows of a table, and says of others how unlike they are.

    A row is scored by `dlunits.models.anomaly.anomaly_score.AnomalyScore`: by
    how rare known rows are close to it and near it, and by how well
    autoencoders draw it from a short code. Nothing is judged by what has seen
    it: the rows are dealt into folds, and for each fold there is a score learnt
    from the others; a known row has the score of its own fold, a new one the
    mean of all. So its p-value is honest, the share of normal rows that are at
    least as strange, see `dlunits.layers.ConformalPValue`, and a row is called
    anomalous if that is at most the false-alarm rate one is ready to bear.

    Args:
        kind: `"plain"`, `"denoising"`, `"sparse"`, `"contractive"` or
            `"variational"`, the autoencoders.
        hidden_units: Positive integer, units of their hidden layers.
        latent_dim: Positive integer, numbers in their codes.
        num_folds: Integer. With 1, rows are kept aside, 15 % to set what is
            usual and 25 % to calibrate by, and the false-alarm rate is
            guaranteed, but for what the columns' lists of values and gaps
            tell; with 3 or more, all rows are learnt from, and it holds
            nearly.
        neighbors: Positive integer, rows that are near.
        far_neighbors: Integer of at least `neighbors`.
        contamination: Number in [0, 0.5), share of the rows to learn from
            that are feared to be anomalies: the ones farthest from the
                far_neighbors
            are left out. The false-alarm rate is then that of rows like those
            that are left: of all normal ones up to this share more is called
            anomalous. 0 trusts all rows.
        false_alarm_rate: Number in (0, 1), share of normal rows that may be
            called anomalous.
        steps: Positive integer, gradient steps of the autoencoders.
        seed: Integer, decides all that is random.

    Raises:
        ValueError: If an argument is out of range.

    Example, numbers near 0 and one that is not:

    >>> rows = np.random.default_rng(0).normal(size=(120, 2))
    >>> detector = AnomalyDetector(steps=20).fit(rows)
    >>> p = detector.p_value(np.array([[0.0, 0.5], [9.0, -9.0]]))
    >>> bool(p[0] > 0.05), round(121 * float(p[1]), 3)
    (True, 1.0)
    """

    def __init__(
        self,
        kind="denoising",
        hidden_units=64,
        latent_dim=8,
        num_folds=5,
        neighbors=5,
        far_neighbors=40,
        contamination=0.0,
        false_alarm_rate=0.01,
        steps=1500,
        seed=0,
        learnt=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_kind(kind)
        check_neighborhood(neighbors, far_neighbors, num_folds)
        if not 0 <= contamination < 0.5:
            raise ValueError(
                "`contamination` must be in [0, 0.5): most rows must be "
                f"normal. Received: {contamination=}"
            )
        if not 0 < false_alarm_rate < 1:
            raise ValueError(
                "`false_alarm_rate` must be in (0, 1). Received: "
                f"{false_alarm_rate=}"
            )
        self.kind = kind
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.num_folds = num_folds
        self.num_neighbors = neighbors
        self.far_neighbors = far_neighbors
        self.contamination = contamination
        self.false_alarm_rate = false_alarm_rate
        self.steps = steps
        self.seed = seed
        self.learnt = learnt
        self.built = True  # there are no weights before rows are learnt
        if learnt is not None:
            self.assemble()

    def assemble(self):
        """Makes the layers, whose sizes `learnt` says."""
        learnt = self.learnt
        self.table = TableSchema.from_config(learnt["table"])
        self.encoding = self.table.encoding(dtype="float32")
        size = self.encoding.num_features
        self.anomaly_score = AnomalyScore(
            size,
            learnt["references"],
            self.num_folds,
            self.num_neighbors,
            self.far_neighbors,
            self.kind,
            self.hidden_units,
            self.latent_dim,
            self.seed,
            dtype="float32",
        )
        self.conformal = ConformalPValue(
            learnt["calibrated"], self.num_folds, dtype="float32"
        )
        self.encoding.build(
            {key: (None, count) for key, count in self.encoding.counts.items()}
        )
        self.anomaly_score.build((None, size))
        self.conformal.build((None, self.num_folds))
        # A function, in which Keras does not find its layers a second time.
        self.differences = functools.cache(
            functools.partial(
                ColumnAttribution, self.encoding, self.anomaly_score.densities
            )
        )

    def fit(self, table, kinds=None, verbose=0):
        """Learns what is normal.

        Args:
            table: Array `(rows, columns)` of numbers, a data frame, or a dict
                of column name to array `(rows,)`. Its rows should be normal,
                but for the share `contamination`.
            kinds: Dict of column name to kind, see
                `dlunits.models.anomaly.table_schema.TableSchema`; `None` goes
                by the types of the arrays.
            verbose: 0 or 1, whether to show progress.

        Returns:
            The detector.

        Raises:
            ValueError: If the table cannot be learnt from.
        """
        known = TableSchema.learn(table, kinds)
        inputs = known.inputs(table)
        count = number_of(inputs)
        if count < LEAST_ROWS:
            raise ValueError(
                f"There must be at least {LEAST_ROWS} rows to learn from. "
                f"Received: {count}"
            )
        order = np.random.default_rng(self.seed).permutation(count)
        if self.contamination:
            order = self.trusted(known, inputs, order)
        learning = setting = calibrating = order
        if self.num_folds == 1:
            learning, setting, calibrating = np.split(
                order, [int(share * len(order)) for share in LEARNING_SETTING]
            )
        learning = rows_of(inputs, learning[:MOST_LEARNT])
        setting = rows_of(inputs, setting[:MOST_CALIBRATED])
        calibrating = rows_of(inputs, calibrating[:MOST_CALIBRATED])
        self.learnt = {
            "table": known.get_config(),
            "references": min(number_of(learning), MOST_REFERENCES),
            "calibrated": number_of(calibrating),
        }
        self.assemble()
        self.encoding.adapt(learning)
        learning, setting, calibrating = (
            in_batches(self.encoding, rows)
            for rows in (learning, setting, calibrating)
        )
        self.anomaly_score.learn(learning, self.steps, verbose)
        self.anomaly_score.calibrate(setting)
        self.conformal.adapt(
            own_fold(in_batches(self.anomaly_score, calibrating))
        )
        return self

    def trusted(self, table, inputs, rows):
        """The rows without those that are farthest from their neighborhood."""
        inputs = rows_of(inputs, rows)
        encoding = table.encoding(dtype="float32")
        encoding.adapt(inputs)
        far = farthest_from_neighborhood(
            in_batches(encoding, inputs),
            self.contamination,
            self.far_neighbors,
            MOST_REFERENCES,
        )
        return rows[~far]

    def call(self, inputs):
        scores = self.anomaly_score(self.encoding(inputs))
        return {
            "anomaly_score": ops.mean(scores, axis=-1),
            "p_value": self.conformal(scores),
        }

    def judge(self, table, inputs=None):
        """Returns `anomaly_score` and `p_value` of the rows, in one pass.

        `inputs` is what `self.table.inputs` makes of the table, if known.
        """
        inputs = inputs or self.known_table().inputs(table)
        return in_batches(self.predict_on_batch, inputs)

    def score(self, table):
        """Returns how unlike normal rows each row is, `(rows,)`.

        0 is about usual; more is stranger.
        """
        return self.judge(table)["anomaly_score"]

    def p_value(self, table):
        """Returns the share of normal rows at least as strange, `(rows,)`."""
        return self.judge(table)["p_value"]

    def predict(self, table, false_alarm_rate=None):
        """Returns for each row whether it is anomalous, `(rows,)`.

        Raises:
            ValueError: If so few rows were calibrated by that no row could
                ever be called anomalous at this rate.
        """
        rate = false_alarm_rate or self.false_alarm_rate
        p_values = self.p_value(table)
        known = self.learnt["calibrated"]
        if rate < 1 / (1 + known):
            raise ValueError(
                f"A false-alarm rate of {rate:g} needs at least "
                f"{math.ceil(1 / rate) - 1} rows to calibrate by. Received: "
                f"{known}; the least rate for these is {1 / (1 + known):.2g}"
            )
        return p_values <= rate

    def explain(self, table, top=3, inputs=None):
        """Returns the columns that make a row unlike normal rows near it.

        Returns:
            Dict of arrays `(rows, top)`, in each row the column that differs
            most first: `column` (name), `expected` and `seen` (texts), and
            `share` (of the square of the difference in spreads, 0 ... 1).
        """
        inputs = inputs or self.known_table().inputs(table)
        found = in_batches(self.differences().predict_on_batch, inputs)
        return explanation(self.table, table, inputs, found, top)

    def known_table(self):
        if self.learnt is None:
            raise ValueError("The detector knows no rows yet: call `fit`.")
        return self.table

    def get_config(self):
        return {
            "kind": self.kind,
            "hidden_units": self.hidden_units,
            "latent_dim": self.latent_dim,
            "num_folds": self.num_folds,
            "neighbors": self.num_neighbors,
            "far_neighbors": self.far_neighbors,
            "contamination": self.contamination,
            "false_alarm_rate": self.false_alarm_rate,
            "steps": self.steps,
            "seed": self.seed,
            "learnt": self.learnt,
            "name": self.name,
        }
