"""Data sets, image folders, tables and `.keras` models for the labs.

`load_data` returns arrays for Keras' `fit`, `load_model` loads a user's model,
and `reshape_examples` reshapes the arrays to the model's input shape.
"""

import contextlib
import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pyarrow as pa

from dlunits.atomic_files import atomic_write
from dlunits.columns import (
    category_texts,
    column_array,
    infer_column_types,
)
from dlunits.columns.column_values import is_number_type
from dlunits.data.images import image_datasets
from dlunits.data.images.image_datasets import stratified_split
from dlunits.data.tables.table_files import open_table
from dlunits.models.anomaly.table_schema import TableSchema
from dlunits.paths import expand_user
from dlunits.training.checkpoint import DAMAGED
from dlunits.typing import Array, Path

MAX_CLASSES = 20  # of a target of whole numbers; with more: regression
VALIDATION_FRACTION = 1 / 12  # of the rows outside the test split

Split = tuple[Array, Array]


@dataclasses.dataclass(frozen=True, eq=False)
class LabData:
    """Examples with targets in three disjoint splits.

    Each split is a pair `(x, y)`. `x` is float32: images `(n, height, width,
    channels)` in [0, 1], or features of a table `(n, num_features)`, encoded by
    `dlunits.layers.TabularEncoding`. `y` is int32 `(n,)`, indices into
    `class_names`. In regression, `y` is float32 `(n, 1)` with mean 0 and
    standard deviation 1 over the training split. The training examples are in
    random order.

    Args:
        name: Name of the data set, the folder or the file.
        source: One sentence for messages and reports.
        class_names: Name of each class; empty in regression.
        train, validation, test: Splits.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    @property
    def is_regression(self) -> bool:
        return not self.class_names

    @property
    def is_images(self) -> bool:
        """Whether the examples have two spatial axes and channels."""
        return self.train[0].ndim == 4

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of an example."""
        return self.train[0].shape[1:]

    @property
    def num_outputs(self) -> int:
        """Number of classes; 1 in regression."""
        return max(1, len(self.class_names))

    @property
    def fingerprint(self) -> str:
        """Hash of all examples, targets and class names, 16 hex digits."""
        digest = hashlib.sha256(repr(self.class_names).encode())
        for split in (self.train, self.validation, self.test):
            for array in split:
                digest.update(repr(array.shape).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]


def load_data(
    dataset: str = "auto",
    *,
    data: Path | None = None,
    target: str | None = None,
    data_dir: Path | None = None,
    dialect: Mapping[str, Any] | None = None,
) -> LabData:
    """Loads a data set, a folder of images or a table.

    A data set or folder is split by `dlunits.data.images.image_datasets.load`.
    A table is split at random: one sixth of the rows is the test split, one
    twelfth of the rest the validation split, both stratified by class.

    The target column of a table determines the task: classification for text,
    booleans and up to 20 different whole numbers, regression for other numbers.
    All other columns are features, except identifiers, see
    `dlunits.columns.infer_column_types`.

    Args:
        dataset: `"auto"`, `"mnist"`, `"fashion_mnist"` or `"digits"`. It is
            not used if `data` is given.
        data: Folder with one subfolder of images per class, or a CSV or
            Parquet file.
        target: Name of the target column of the table.
        data_dir: Folder of data sets prepared by TensorFlow Datasets.
        dialect: Arguments of `dlunits.data.tables.table_files.open_table` for
            a CSV file.

    Returns:
        `LabData`.

    Raises:
        ValueError: If `target` is missing, not a column, or given without a
            table; if a file is not a table, or has too few rows or classes.
        OSError: If an image or a data set cannot be read.

    Example:

    >>> digits = load_data("digits")
    >>> digits.input_shape, len(digits.train[1]), digits.class_names[:3]
    ((28, 28, 1), 1372, ('0', '1', '2'))
    """
    path = None if data is None else expand_user(data)
    if path is not None and path.is_file():
        return load_table(path, target, dialect or {})
    if target is not None:
        raise ValueError(
            "A target column needs a table, --data=FILE.csv. Received: "
            f"target={target!r} and "
            + ("no table" if path is None else f"{path}, which is not a file")
        )
    if path is not None and not path.is_dir():
        raise ValueError(
            f"{path}: no such file or folder. Expected a CSV or Parquet file, "
            "or a folder with one subfolder of images per class"
        )
    images = image_datasets.load(
        dataset if path is None else str(path), data_dir=data_dir
    )
    splits = [
        (images_of_split / np.float32(255), labels)
        for images_of_split, labels in (
            images.train,
            images.validation,
            images.test,
        )
    ]
    splits[0] = in_random_order(splits[0])
    names = tuple(str(name) for name in images.class_names)
    return LabData(images.name, images.source, names, *splits)


def in_random_order(split: Split) -> Split:
    """Examples in random order, so that the first n are a random sample."""
    x, y = split
    order = np.random.default_rng(0).permutation(len(y))
    return x[order], y[order]


def load_table(
    path: pathlib.Path, target: str | None, dialect: Mapping[str, Any]
) -> LabData:
    """Loads a CSV or Parquet file with a target column, see `load_data`."""
    file = open_table(path, **dialect)
    names = ", ".join(map(repr, file.columns))
    if target is None:
        raise ValueError(
            f"{path}: a table needs --target, the name of the column to "
            f"predict: one of {names}"
        )
    if target not in file.columns:
        raise ValueError(
            f"{path}: there is no column {target!r} to predict. Expected one "
            f"of {names}"
        )
    table = pa.concat_tables(chunk.table for chunk in file.chunks())
    features = table.drop_columns([target])
    if not features.num_columns:
        raise ValueError(
            f"{path}: there is no column besides the target {target!r}. "
            "Expected at least one feature"
        )
    y, class_names = read_target(table, target, file.decimal, str(path))
    train, validation, test = split_rows(y, class_names, target, str(path))
    column_types, _ = infer_column_types(features, decimal=file.decimal)
    schema = TableSchema.from_table(
        features.take(train), column_types, file.decimal
    )
    encoding = schema.encoding()
    rows = schema.inputs(features, file.decimal)
    encoding.adapt({key: array[train] for key, array in rows.items()})
    x = keras.ops.convert_to_numpy(encoding(rows))
    if class_names:
        task = f"{len(class_names)} classes of column {target!r}"
    else:
        mean, deviation = y[train].mean(), y[train].std()
        y = ((y - mean) / (deviation or 1)).astype("float32")[:, None]
        task = (
            f"regression of column {target!r}, in units of its standard "
            f"deviation, {deviation:.4g}"
        )
    source = (
        f"{path.name}: {len(y):,} rows, {len(schema.columns)} feature columns "
        f"encoded as {x.shape[1]} numbers; {task}."
    )
    splits = [(x[part], y[part]) for part in (train, validation, test)]
    splits[0] = in_random_order(splits[0])
    return LabData(path.stem, source, class_names, *splits)


def read_target(
    table: pa.Table, target: str, decimal: str = ".", source: str = "The table"
) -> tuple[Array, tuple[str, ...]]:
    """Reads the target column of a table as class indices, or as numbers.

    Args:
        table: Table.
        target: Name of the column.
        decimal: Decimal separator of numbers that are strings.
        source: Name of the table for error messages.

    Returns:
        `(y, class_names)`: int32 indices and the names of the classes, or
        float64 numbers and an empty tuple.

    Raises:
        ValueError: If a value is missing, or the column has neither classes nor
            numbers.

    Example:

    >>> y, names = read_target(pa.table({"color": ["b", "a", "b"]}), "color")
    >>> y.tolist(), names
    ([1, 0, 1], ('a', 'b'))
    """
    where = f"{source}: column {target!r}"
    column = table[target].combine_chunks()
    types, reasons = infer_column_types(
        table, ignore_identifiers=False, decimal=decimal
    )
    column_type = types[target]
    if column_type.startswith("timestamp"):
        raise ValueError(
            f"{where} has timestamps. Expected classes or numbers to predict"
        )
    if is_number_type(column_type):
        values = column_array(column, column_type, decimal)
        check_no_missing(np.isnan(values), where)
        distinct, y = np.unique(values, return_inverse=True)
        if len(distinct) > MAX_CLASSES or np.any(distinct % 1):
            return values, ()
        names = [f"{value:.0f}" for value in distinct]
    else:
        texts = category_texts(column)
        missing = texts.is_null().to_numpy(zero_copy_only=False)
        check_no_missing(missing, where)
        distinct, y = np.unique(texts.to_pylist(), return_inverse=True)
        names = [str(name) for name in distinct]
    if column_type == "ignored":
        raise ValueError(
            f"{where} {reasons[target]}. Expected classes that occur many "
            "times, or numbers"
        )
    if len(names) < 2:
        raise ValueError(
            f"{where} has the same value {names[0]!r} in all rows. Expected at "
            "least two classes"
        )
    return y.astype("int32"), tuple(names)


def check_no_missing(missing: Array, where: str) -> None:
    """Raises ValueError if a value of the target is missing."""
    if missing.any():
        raise ValueError(
            f"{where} has {missing.sum():,} missing values, the first in row "
            f"{int(missing.argmax()) + 1}. Expected a target in every row: "
            "remove these rows"
        )


def split_rows(
    y: Array, class_names: tuple[str, ...], target: str, source: str
) -> tuple[Array, Array, Array]:
    """Row indices of three splits, stratified by class if there are classes.

    Args:
        y: Targets `(rows,)`.
        class_names: Name of each class, or empty.
        target: Name of the column.
        source: Name of the table for error messages.

    Returns:
        Row indices for training, validation and test, in ascending order.

    Raises:
        ValueError: If a class, or the table, has too few rows.
    """
    rows = np.arange(len(y))
    names = class_names or ("",)
    labels = y if class_names else np.zeros(len(y), "int32")
    counts = np.bincount(labels, minlength=len(names))
    if counts.min() < 3:
        few = f" of class {names[counts.argmin()]!r}" if class_names else ""
        raise ValueError(
            f"{source}: has {counts.min()} rows{few} in column {target!r}. "
            "Expected at least 3, for training, validation and test"
        )
    kept, test = stratified_split(
        rows, labels, image_datasets.TEST_FRACTION, [0, 0], names
    )
    train, validation = stratified_split(
        *kept, VALIDATION_FRACTION, [0, 1], names
    )
    return train[0], validation[0], test[0]


def load_model(path: Path) -> keras.Model:
    """Loads a Keras model from a `.keras` file, without running its code.

    Args:
        path: `.keras` file.

    Returns:
        `keras.Model` with one input and one output.

    Raises:
        ValueError: If the file is not such a model, or has a `Lambda` layer or
            a class that is not registered. The message is one line.

    Example:

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "my_model.keras")
    >>> layers = [keras.Input((4,)), keras.layers.Dense(2)]
    >>> keras.Sequential(layers).save(path)
    >>> load_model(path).count_params()  # 4 * 2 + 2
    10
    """
    path = expand_user(path)
    if not path.is_file() or path.suffix != ".keras":
        raise ValueError(
            f"{path}: {'wrong suffix' if path.is_file() else 'no such file'}. "
            "Expected a model saved with model.save('NAME.keras')"
        )
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many types for malformed files.
        if "`Lambda` layer" in str(error):
            reason = (
                "has a Lambda layer, whose Python code would be executed. "
                "Replace it with a Keras layer or a registered subclass of "
                "Layer"
            )
        else:
            first = str(error).strip().partition("\n")[0][:200]
            reason = f"cannot be loaded: {first}"
        raise ValueError(f"{path}: {reason}") from None
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"{path}: contains a {type(model).__name__}. Expected a keras.Model"
        )
    if not getattr(model, "inputs", None):
        raise ValueError(
            f"{path}: has no input shape. Expected a functional model, or a "
            "Sequential model that begins with keras.Input"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"{path}: has {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs. Expected one of each"
        )
    return model


def reshape_examples(data: LabData, model: keras.Model) -> LabData:
    """Reshapes examples to the input shape of a model.

    For example, 28x28 images of one channel are reshaped to `(28, 28)` or
    `(784,)`.

    Args:
        data: Data.
        model: Model with one input and one output.

    Returns:
        The same data, or data with reshaped examples.

    Raises:
        ValueError: If the sizes differ, or the model has not one output per
            class.

    Example:

    >>> model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
    >>> reshape_examples(load_data("digits"), model).input_shape
    (784,)
    """
    expected: tuple[Any, ...] = tuple(model.input_shape[1:])
    received = data.input_shape
    if len(expected) == len(received) and all(
        size in (None, own)
        for size, own in zip(expected, received, strict=True)
    ):
        expected = received
    if None in expected or math.prod(expected) != math.prod(received):
        raise ValueError(
            f"The model expects inputs of shape {expected}, and the examples "
            f"of {data.name} have the shape {received}. Choose other data, or "
            "a model with this input shape"
        )
    if tuple(model.output_shape[1:]) != (data.num_outputs,):
        raise ValueError(
            f"The model has outputs of shape {tuple(model.output_shape[1:])}. "
            f"Expected ({data.num_outputs},): "
            + (
                "one number, as the task is a regression"
                if data.is_regression
                else f"one output for each class of {data.name}"
            )
        )
    splits = [
        (x.reshape(len(x), *expected), y)
        for x, y in (data.train, data.validation, data.test)
    ]
    return LabData(data.name, data.source, data.class_names, *splits)


def fix_input_shape(model: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """Model with the same weights and without unknown sizes in its input shape.

    Args:
        model: Functional or built `Sequential` model.
        shape: Input shape without the batch axis.

    Returns:
        Model with input shape `shape`, or the model itself if its input shape
        has no unknown size.

    Example:

    >>> layers = [keras.Input((None, None, 1)), keras.layers.Conv2D(2, 3)]
    >>> model = keras.Sequential(layers)
    >>> fix_input_shape(model, (8, 8, 1)).output_shape
    (None, 6, 6, 2)
    """
    if None not in model.input_shape[1:]:
        return model
    fixed = keras.models.clone_model(model, input_tensors=keras.Input(shape))
    fixed.set_weights(model.get_weights())
    return fixed


def save_arrays(path: Path, data: LabData) -> None:
    """Saves the splits as an `.npz` file, atomically.

    A file that already contains the data is not written again.

    The arrays are `x_train`, `y_train`, `x_validation`, `y_validation`,
    `x_test` and `y_test`. Images with 256 levels are saved as uint8; dividing
    them by 255 in float32 restores them exactly.

    Args:
        path: File in an existing folder.
        data: Data.

    Raises:
        OSError: If the file cannot be written.
    """
    with (
        contextlib.suppress(*DAMAGED, OSError, ValueError),
        pathlib.Path(path).open("rb") as saved_file,
        np.load(saved_file) as saved,
    ):
        if saved["fingerprint"].item() == data.fingerprint:
            return
    whole = has_256_levels(data)
    arrays: dict[str, Any] = {"fingerprint": data.fingerprint}
    for name in ("train", "validation", "test"):
        x, y = getattr(data, name)
        arrays[f"x_{name}"] = np.round(x * 255).astype("uint8") if whole else x
        arrays[f"y_{name}"] = y
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays)


def has_256_levels(data: LabData) -> bool:
    """Whether all features are multiples of 1 / 255 in [0, 1]."""
    return all(
        np.array_equal(
            (np.clip(np.round(x * 255), 0, 255)).astype("float32")
            / np.float32(255),
            x,
        )
        for x, _ in (data.train, data.validation, data.test)
    )
