"""Stand-alone Keras script that repeats a training run.

The script builds the model, draws the same initial weights, and trains with
`fit` on the same mini-batches. It needs Keras, NumPy and the file that
`sources.save_arrays` wrote, and `dlunits` only for models with layers of
`dlunits`.
"""

import importlib
import inspect
import json
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from dlunits.tasks.lab.sources import LabData, has_256_levels
from dlunits.typing import Array

PUBLIC_MODULES = (
    "keras.layers",
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.losses",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.dtype_policies",
    "dlunits.layers",
    "dlunits.losses",
    "dlunits.models",
    "dlunits.regularizers",
)
LINE_LENGTH = 80


def epoch_order(
    seed: int, epoch: int, num_examples: int, batch_size: int
) -> Array:
    """Random order of the examples of an epoch, full mini-batches only.

    Args:
        seed: Seed of the run, not negative.
        epoch: Number of the epoch, from 0.
        num_examples: Number of training examples.
        batch_size: Examples per mini-batch, at most `num_examples`.

    Returns:
        Integers, indices of the examples: mini-batch after mini-batch.

    Example:

    >>> sorted(epoch_order(0, 0, num_examples=6, batch_size=3).tolist())
    [0, 1, 2, 3, 4, 5]
    >>> len(epoch_order(0, 0, num_examples=7, batch_size=3))
    6
    """
    order = np.random.default_rng([seed, epoch]).permutation(num_examples)
    return order[: num_examples // batch_size * batch_size]


def training_code(
    model: keras.Model,
    data: LabData,
    *,
    data_file: str,
    optimizer: keras.optimizers.Optimizer,
    loss: Any,
    batch_size: int,
    epochs: int,
    seed: int,
    metrics: Sequence[str] = (),
    num_examples: int | None = None,
    model_file: str | None = None,
) -> str:
    """Returns a Keras script that repeats a training run.

    The script prints the losses of each epoch and stores the training losses in
    the list `losses`. The run must have called
    `keras.utils.set_random_seed(seed)` before it built the model, and trained
    on the mini-batches of `epoch_order`. Class targets are one-hot.

    Args:
        model: Model. It must be a chain of layers unless `model_file` is given.
        data: Data of the run.
        data_file: Path of the file that `sources.save_arrays` wrote.
        optimizer: Optimizer.
        loss: Name of a Keras loss or a `keras.Loss`.
        batch_size: Examples per mini-batch.
        epochs: Number of epochs.
        seed: Seed of the initial weights and of the order of the examples.
        metrics: Names of Keras metrics.
        num_examples: Number of training examples, the first ones. Default:
            all.
        model_file: Path of a `.keras` file with the same architecture, which
            the script clones instead of writing the layers.

    Returns:
        Python code.

    Raises:
        ValueError: If `model_file` is not given, and the model is not a chain
            of layers or has a class that neither Keras nor `dlunits` exports.
    """
    loading = []
    if model_file is None:
        model_text = f"model = {model_code(model)}"
    else:
        # Loading draws random seeds, so the seed is set after it.
        loading = [
            "# The architecture, without its weights.",
            f"saved = keras.saving.load_model({json.dumps(model_file)})",
            "",
        ]
        model_text = "model = keras.models.clone_model(saved)"
    lines = [
        *import_lines(model_text),
        "",
        "# Examples and targets.",
        f"data = np.load({json.dumps(data_file)})",
    ]
    scale = " / 255" if has_256_levels(data) else ""
    for name in ("train", "validation"):
        count = f"[:{num_examples}]" if num_examples and name == "train" else ""
        x = f'data["x_{name}"]{count}.astype("float32"){scale}'
        lines.append(f"x_{name} = {x}")
        y = f'data["y_{name}"]{count}'
        if not data.is_regression:
            y = f"keras.utils.to_categorical({y}, {data.num_outputs})"
        lines.append(f"y_{name} = {y}")
    arguments = {
        "optimizer": object_code(optimizer),
        "loss": json.dumps(loss)
        if isinstance(loss, str)
        else object_code(loss),
        **({"metrics": json.dumps(list(metrics))} if metrics else {}),
    }
    lines += [
        "",
        *loading,
        "# The seed determines the initial weights.",
        f"keras.utils.set_random_seed({seed})",
        model_text,
        call_code("model.compile", arguments),
        "",
        "# Each epoch has its own random order of the examples.",
        f"batch_size = {batch_size}",
        "num_used = len(x_train) // batch_size * batch_size",
        "losses = []",
        f"for epoch in range({epochs}):",
        f"    rng = np.random.default_rng([{seed}, epoch])",
        "    order = rng.permutation(len(x_train))[:num_used]",
        "    history = model.fit(",
        "        x_train[order],",
        "        y_train[order],",
        "        batch_size=batch_size,",
        "        shuffle=False,",
        "        validation_data=(x_validation, y_validation),",
        "        verbose=0,",
        "    )",
        '    losses += history.history["loss"]',
        "    print(epoch + 1, history.history)",
    ]
    return "\n".join(lines) + "\n"


def import_lines(code: str) -> list[str]:
    """Import statements for the code of a model.

    >>> import_lines("dlunits.layers.TrainableSubsampling()")
    ['import keras', 'import numpy as np', '', 'import dlunits.layers']
    """
    own = [
        f"import {module}"
        for module in PUBLIC_MODULES
        if module.startswith("dlunits") and f"{module}." in code
    ]
    return ["import keras", "import numpy as np", *([""] if own else []), *own]


def model_code(model: keras.Model) -> str:
    """Code that builds an untrained model with the same layers.

    Args:
        model: Built `keras.Sequential`, functional model that is a chain, or
            model of `dlunits.models`.

    Returns:
        Python expression: `keras.Sequential([...])`, or a constructor call such
        as `dlunits.models.LeNet5()` for a class that defines `get_config`.

    Raises:
        ValueError: If the model is not a chain of layers, or a class has no
            public name.

    Example:

    >>> hidden = keras.layers.Dense(64, "relu", kernel_initializer="he_normal")
    >>> print(model_code(keras.Sequential([keras.Input((8,)), hidden])))
    keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(
                units=64,
                activation="relu",
                kernel_initializer=keras.initializers.HeNormal(),
            ),
        ]
    )
    """
    if "layers" not in model.get_config():
        return object_code(model)
    if not isinstance(model, keras.Sequential) and not is_chain(model):
        raise ValueError(
            f"The model {model.name!r} is not a chain of layers. Save it, and "
            "pass `model_file`"
        )
    lines = ["keras.Sequential(", "    ["]
    lines.append(f"        keras.Input({tuple(model.input_shape[1:])}),")
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            lines.append(f"        {object_code(layer, indent=8)},")
    return "\n".join([*lines, "    ]", ")"])


def is_chain(model: keras.Model) -> bool:
    """Whether the input of each layer is the output of the previous layer."""
    names = [layer.name for layer in model.layers]
    sources = [
        re.findall(
            r'"keras_history": \["(.*?)", ', json.dumps(layer["inbound_nodes"])
        )
        for layer in model.get_config()["layers"]
    ]
    return sources == [[], *([name] for name in names[:-1])]


def object_code(item: Any, indent: int = 0) -> str:
    """Constructor call that recreates a Keras object from its configuration.

    Arguments with their default value are left out.

    Args:
        item: Keras object with `get_config`.
        indent: Spaces before each line after the first.

    Returns:
        Python expression.

    Raises:
        ValueError: If the class has no public name.

    Example:

    >>> object_code(keras.optimizers.SGD(0.1, momentum=0.9))
    'keras.optimizers.SGD(learning_rate=0.1, momentum=0.9)'
    """
    config = item.get_config()
    parameters = inspect.signature(type(item).__init__).parameters
    required = {
        name: config[name]
        for name, parameter in list(parameters.items())[1:]
        if parameter.default is parameter.empty and name in config
    }
    default = type(item).from_config(dict(required)).get_config()
    arguments = {
        name: value_code(value, indent + 4)
        for name, value in config.items()
        if name != "name" and (name in required or value != default.get(name))
    }
    return call_code(public_name(type(item)), arguments, indent)


def value_code(value: Any, indent: int = 0) -> str:
    """Code of a value in the configuration of a Keras object."""
    if isinstance(value, dict) and "class_name" in value:
        return object_code(keras.saving.deserialize_keras_object(value), indent)
    if isinstance(value, float):
        # Keras stores hyperparameters in float32: 0.1, and not
        # 0.10000000149011612.
        short = float(str(np.float32(value)))
        if np.float32(short) == np.float32(value):
            return repr(short)
    return json.dumps(value) if isinstance(value, str) else repr(value)


def public_name(cls: type) -> str:
    """Name under which a class is imported: `keras.layers.Dense`.

    Raises:
        ValueError: If neither Keras nor `dlunits` exports it.

    Example:

    >>> public_name(keras.regularizers.L2)
    'keras.regularizers.L2'
    """
    for module in PUBLIC_MODULES:
        found = getattr(importlib.import_module(module), cls.__name__, None)
        if found is cls:
            return f"{module}.{cls.__name__}"
    raise ValueError(
        f"The class {cls.__name__} is exported by neither Keras nor dlunits. "
        "Save the model, and pass `model_file`"
    )


def call_code(name: str, arguments: dict[str, str], indent: int = 0) -> str:
    """Code of a function call, on one line if it fits.

    >>> call_code("f", {"x": "1", "y": "2"})
    'f(x=1, y=2)'
    """
    words = [f"{key}={value}" for key, value in arguments.items()]
    line = f"{name}({', '.join(words)})"
    if indent + len(line) < LINE_LENGTH and "\n" not in line:
        return line
    inside = "".join(f"{' ' * (indent + 4)}{word},\n" for word in words)
    return f"{name}(\n{inside}{' ' * indent})"
