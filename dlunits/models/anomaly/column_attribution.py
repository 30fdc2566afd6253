"""In which columns a row differs from normal rows like it."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="dlunits")
class ColumnAttribution(keras.Model):
    """Sets each row beside what known rows like it have.

        share_c = sum over features of column c of (x - typical)^2
                  / sum over all features

    `typical` is a mean of known rows near `x`, or, if `x` lies far from all,
    of many, see `CrossFittedKDE.typical`.

    Args:
        encoding: `dlunits.layers.TabularEncoding`, adapted.
        densities: `dlunits.layers.CrossFittedKDE`, adapted to its features.

    Input shape: Dict, as `encoding` takes it.

    Output shape: Dict of `share`, `(batch, columns)`, and what `typical` is in
    the columns' units: as the input, `(batch, columns of that kind)` each.

    Example, a row that differs from the mean of known ones, 0.5, by 2 in one
    column and by 1 in the other, 4 / (4 + 1) = 0.8:

    >>> from dlunits.layers import TabularEncoding, CrossFittedKDE
    >>> encoding, densities = TabularEncoding(2), CrossFittedKDE(2, num_folds=1)
    >>> encoding.build((None, 2))  # spreads are 1
    >>> densities.adapt(np.array([[0.5, 0.5], [0.5, 0.5]]))
    >>> model = ColumnAttribution(encoding, densities)
    >>> found = model({"numbers": np.array([[2.5, 1.5]])})
    >>> ops.convert_to_numpy(found["numbers"]).tolist()
    [[0.5, 0.5]]
    >>> print(ops.convert_to_numpy(found["share"]).round(3))
    [[0.8 0.2]]
    """

    def __init__(self, encoding, densities, **kwargs):
        super().__init__(**kwargs)
        self.encoding = encoding
        self.densities = densities
        self.built = True

    def call(self, inputs):
        features = self.encoding(inputs)
        typical = self.densities.typical(features)
        squares = ops.transpose(ops.square(features - typical))
        owners = np.array(self.encoding.owners, "int32")
        columns = ops.transpose(
            ops.segment_sum(squares, owners, int(owners.max()) + 1)
        )
        total = ops.sum(columns, axis=1, keepdims=True)
        return {
            "share": columns / ops.maximum(total, 1e-9),
            **self.encoding.decode(typical),
        }

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "encoding": serialize(self.encoding),
            "densities": serialize(self.densities),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls(
            deserialize(config["encoding"]),
            deserialize(config["densities"]),
            name=config["name"],
        )
