"""Attribution of an anomaly to the columns of a table."""

from typing import Any

import keras
import numpy as np
from keras import ops

from dlunits.layers import LeSiNN, TabularEncoding
from dlunits.typing import Config, Tensor


@keras.saving.register_keras_serializable(package="dlunits")
class ColumnAttribution(keras.Model):
    """Attribution of anomalies to columns, by the distance to nearby rows.

        share_c = sum over features of column c of (x - typical)^2
                  / max(sum over all features of (x - typical)^2, 1e-9)

    x are the features of a row, and `typical` is the sinh of a weighted mean of
    the training rows near asinh(x), see `LeSiNN.typical`.

    Args:
        encoding: `dlunits.layers.TabularEncoding`, adapted.
        neighborhood: `dlunits.layers.LeSiNN`, adapted to the asinh of its
            features.

    Input shape: Dict, the input of `encoding`.

    Output shape: Dict of `share`, `(batch, columns)`, and of `typical` in the
    units of the columns, with the keys and shapes of the input.

    Example, a row that differs from the mean of the training rows, 0.5, by 2
    in one column and by 1 in the other, 4 / (4 + 1) = 0.8:

    >>> encoding, neighborhood = TabularEncoding(2), LeSiNN(1, 2, 1)
    >>> encoding.build((None, 2))  # spreads are 1
    >>> neighborhood.adapt(np.arcsinh([[0.5, 0.5], [0.5, 0.5]]))
    >>> model = ColumnAttribution(encoding, neighborhood)
    >>> attribution = model({"numbers": np.array([[2.5, 1.5]])})
    >>> print(ops.convert_to_numpy(attribution["numbers"]).round(3))
    [[0.5 0.5]]
    >>> print(ops.convert_to_numpy(attribution["share"]).round(3))
    [[0.8 0.2]]
    """

    def __init__(
        self, encoding: TabularEncoding, neighborhood: LeSiNN, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.encoding = encoding
        self.neighborhood = neighborhood
        self.built = True

    def call(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.encoding(inputs)
        typical = ops.sinh(self.neighborhood.typical(ops.arcsinh(features)))
        squares = ops.transpose(ops.square(features - typical))
        column = np.array(self.encoding.column_of_feature, "int32")
        sums = ops.transpose(
            ops.segment_sum(squares, column, int(column.max()) + 1)
        )
        total = ops.sum(sums, axis=1, keepdims=True)
        return {
            "share": sums / ops.maximum(total, 1e-9),
            **self.encoding.decode(typical),
        }

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        return {
            "encoding": serialize(self.encoding),
            "neighborhood": serialize(self.neighborhood),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config) -> "ColumnAttribution":
        deserialize = keras.saving.deserialize_keras_object
        return cls(
            deserialize(config["encoding"]),
            deserialize(config["neighborhood"]),
            name=config["name"],
        )
