"""An LSTM unrolled over a short text, recorded step by step."""

import pathlib

import keras
import numpy as np
from keras import ops

from dlunits.tasks.lab.recorded_run.page import (
    Chart,
    Matrix,
    Step,
    text_number,
    write_page,
)
from dlunits.typing import Array, Path

MAX_LENGTH, MAX_CHARACTERS, MAX_UNITS = 40, 20, 8
# Gates, in the order of their parts in Keras' kernels.
GATES = {
    "i": "input gate",
    "f": "forget gate",
    "g": "candidate",
    "o": "output gate",
}


def write_recorded_lstm(
    path: Path,
    text: str = "hello",
    layer: keras.layers.LSTM | None = None,
    *,
    units: int = 3,
    seed: int = 0,
) -> pathlib.Path:
    """Records an LSTM that reads a text as an HTML page with a slider.

    The input at each time step is a one-hot vector of the character, in the
    alphabetical order of the characters of the text. The gates are computed
    from the weights and activations of the layer, the states by its cell.

    Args:
        path: HTML file to write, in an existing folder.
        text: Text of 1 to 40 characters, at most 20 of them different.
        layer: Built `keras.layers.LSTM` with as many inputs as the text has
            different characters. Default: a new layer.
        units: Number of units of a new layer, at most 8.
        seed: Seed of the weights of a new layer.

    Returns:
        `pathlib.Path` of the page.

    Raises:
        ValueError: If the text, the number of units or the layer does not meet
            these conditions.
        OSError: If the file cannot be written.

    Example:

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_recorded_lstm(f"{folder}/lstm.html", "ab", units=2).name
    'lstm.html'
    """
    characters = sorted(set(text))
    if not 1 <= len(text) <= MAX_LENGTH or len(characters) > MAX_CHARACTERS:
        raise ValueError(
            f"Expected a text of 1 to {MAX_LENGTH} characters, at most "
            f"{MAX_CHARACTERS} of them different. Received: {len(text)}, "
            f"{len(characters)} of them different"
        )
    if layer is None:
        kernel, recurrent = np.random.default_rng(seed).integers(2**31, size=2)
        layer = keras.layers.LSTM(
            units,
            kernel_initializer=keras.initializers.GlorotUniform(int(kernel)),
            recurrent_initializer=keras.initializers.Orthogonal(
                seed=int(recurrent)
            ),
        )
        layer.build((None, None, len(characters)))
    if not isinstance(layer, keras.layers.LSTM) or not layer.built:
        raise ValueError(
            "`layer` must be a built keras.layers.LSTM. Received: "
            f"{type(layer).__name__}"
        )
    if layer.units > MAX_UNITS:
        raise ValueError(
            f"Expected at most {MAX_UNITS} units: more do not fit on a page. "
            f"Received: {layer.units}"
        )
    if layer.cell.kernel.shape[0] != len(characters):
        raise ValueError(
            f"The layer has {layer.cell.kernel.shape[0]} inputs. Expected "
            f"{len(characters)}, one for each different character of the text"
        )
    values = lstm_values(layer, one_hot(text))
    return write_page(
        path,
        title="LSTM unrolled over a text",
        text="At each time step the LSTM reads a character, computes its gates "
        "and the candidate from the character and its previous output, and "
        "updates the cell state c and the output h. The numbers below the "
        "equation are those of the first unit, whose cells are framed; * is "
        "the elementwise product. Move the slider with the mouse or the arrow "
        "keys.",
        steps=record_lstm(layer, text, values),
        chart=Chart(
            "Time step: character, values of the first unit",
            {name: values[name][:, 0].tolist() for name in "ifoch"},
            [character_name(character) for character in text],
        ),
    )


def one_hot(text: str) -> Array:
    """One-hot vectors `(time, characters)`, in alphabetical order."""
    characters = sorted(set(text))
    indices = [characters.index(character) for character in text]
    return np.eye(len(characters), dtype="float32")[indices]


def character_name(character: str) -> str:
    """Character, or its name or escape sequence if it is not visible."""
    if character == " ":
        return "space"
    return character if character.isprintable() else repr(character)[1:-1]


def lstm_values(layer: keras.layers.LSTM, x: Array) -> dict[str, Array]:
    """Gates and states of an LSTM at each time step.

    Args:
        layer: Built layer.
        x: Inputs `(time, features)`.

    Returns:
        Dict of arrays `(time, units)`: for each gate in `GATES` its value, such
        as `i`, the term of the input, `i_x`, and the term of the previous
        output, `i_h`; and the states `c` and `h`.
    """
    cell = layer.cell
    kernel = split_gates(cell.kernel)
    recurrent = split_gates(cell.recurrent_kernel)
    bias = split_gates(cell.bias) if layer.use_bias else dict.fromkeys(GATES, 0)
    h = c = ops.zeros((1, layer.units))
    rows: dict[str, list[Array]] = {}
    for inputs in ops.convert_to_tensor(x):
        inputs = inputs[None]
        found = {}
        for gate in GATES:
            found[f"{gate}_x"] = ops.matmul(inputs, kernel[gate])
            found[f"{gate}_h"] = ops.matmul(h, recurrent[gate])
            total = found[f"{gate}_x"] + found[f"{gate}_h"] + bias[gate]
            activation = (
                cell.activation if gate == "g" else cell.recurrent_activation
            )
            found[gate] = activation(total)
        _, [h, c] = cell(inputs, [h, c], training=False)
        for name, tensor in {**found, "c": c, "h": h}.items():
            rows.setdefault(name, []).append(ops.convert_to_numpy(tensor)[0])
    return {name: np.stack(values) for name, values in rows.items()}


def split_gates(weights: keras.Variable) -> dict[str, Array]:
    """Parts of a kernel or bias by gate, as Keras stacks them."""
    parts = ops.split(ops.convert_to_tensor(weights), 4, axis=-1)
    return dict(zip(GATES, parts, strict=True))


def record_lstm(
    layer: keras.layers.LSTM, text: str, values: dict[str, Array]
) -> list[Step]:
    """Steps of the computation: gates, cell state and output at each time."""
    cell = layer.cell
    names = [character_name(character) for character in sorted(set(text))]
    units = [str(unit + 1) for unit in range(layer.units)]
    kernel, recurrent = (
        {gate: ops.convert_to_numpy(part) for gate, part in parts.items()}
        for parts in (
            split_gates(cell.kernel),
            split_gates(cell.recurrent_kernel),
        )
    )
    bias = (
        ops.convert_to_numpy(cell.bias)
        if layer.use_bias
        else np.zeros(4 * layer.units)
    )
    biases = dict(zip(GATES, np.split(bias, 4), strict=True))
    inner = cell.activation.__name__
    start = np.zeros(layer.units)
    steps = []
    first = (0, 0, 1, 1)

    def vector(name: str, array: Array, framed: bool = True) -> Matrix:
        return Matrix(
            name, array, column_names=units, window=first if framed else None
        )

    for time, x in enumerate(one_hot(text)):
        now, last = f"[{time + 1}]", f"[{time}]"
        h_last, c_last = (
            values[name][time - 1] if time else start for name in "hc"
        )
        i, f, g, o, c, h = (values[name][time] for name in "ifgoch")

        def step(
            title: str,
            equation: str,
            element: str,
            matrices: list[Matrix],
            time: int = time,
        ) -> Step:
            character = character_name(text[time])
            return Step(
                f"Time step {time + 1}, character {character}: {title}",
                equation,
                element,
                matrices,
                time,
            )

        for gate in ("i", "f", "o", "g"):
            outer = inner if gate == "g" else cell.recurrent_activation.__name__
            terms = " + ".join(
                text_number(term)
                for term in (
                    values[f"{gate}_x"][time, 0],
                    values[f"{gate}_h"][time, 0],
                    biases[gate][0],
                )
            )
            value = values[gate][time]
            steps.append(
                step(
                    GATES[gate],
                    f"{gate}{now} = {outer}(x{now} W_{gate} + h{last} "
                    f"U_{gate} + b_{gate})",
                    f"{outer}({terms}) = {value[0]:.4g}",
                    [
                        Matrix(f"x{now}", x, column_names=names),
                        Matrix(
                            f"W_{gate}",
                            kernel[gate],
                            names,
                            units,
                            window=(0, 0, len(names), 1),
                        ),
                        vector(f"h{last}", h_last, framed=False),
                        Matrix(
                            f"U_{gate}",
                            recurrent[gate],
                            units,
                            units,
                            window=(0, 0, len(units), 1),
                        ),
                        vector(f"b_{gate}", biases[gate]),
                        vector(f"{gate}{now}", value),
                    ],
                )
            )
        products = " + ".join(
            f"{text_number(a)} · {text_number(b)}"
            for a, b in ((f[0], c_last[0]), (i[0], g[0]))
        )
        steps.append(
            step(
                "cell state",
                f"c{now} = f{now} * c{last} + i{now} * g{now}",
                f"{products} = {c[0]:.4g}",
                [
                    vector(f"f{now}", f),
                    vector(f"c{last}", c_last),
                    vector(f"i{now}", i),
                    vector(f"g{now}", g),
                    vector(f"c{now}", c),
                ],
            )
        )
        steps.append(
            step(
                "output",
                f"h{now} = o{now} * {inner}(c{now})",
                f"{text_number(o[0])} · {inner}({c[0]:.4g}) = {h[0]:.4g}",
                [
                    vector(f"o{now}", o),
                    vector(f"c{now}", c),
                    vector(f"h{now}", h),
                ],
            )
        )
    return steps
