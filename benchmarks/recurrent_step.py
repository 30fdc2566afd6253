"""Time and memory of a training step of a character model, by LSTM layer.

Rows are the LSTMs of dlunits and of Keras on TensorFlow and on JAX, and
`torch.nn.LSTM`. Each trains the same network (an embedding, LSTMs and a dense
layer) with Adam on the same random text, with 2 threads. The rows of dlunits
use an `EmbeddingRNN` for the embedding and the first LSTM; the row "layers
alone" uses the embedding of Keras instead. Both are the same function of the
same weights. Each row runs in a separate process. Rows are measured in turns,
and the fastest turn of each is used.

    1x256: 1 layer, 256 units, batch 64 x 100 time steps
    2x128: 2 layers, 128 units, batch 50 x 50 time steps

Memory is the peak memory of the process minus the memory before the first
training step.

Usage:
    python benchmarks/recurrent_step.py [--quick]
"""

import argparse
import json
import resource
import sys

from row_process import THREADS, measured_in_process, seconds_per_step

VOCABULARY = 65
# Name -> layers, units, batch, steps.
NETWORKS = {"1x256": (1, 256, 64, 100), "2x128": (2, 128, 50, 50)}
LAYERS_ALONE = "dlunits, TensorFlow, layers alone"
ROWS = (
    "dlunits, TensorFlow",
    "dlunits, JAX",
    LAYERS_ALONE,
    "Keras, TensorFlow",
    "Keras, JAX",
    "PyTorch",
)


def random_text(batch, steps):
    """Inputs and targets, two integer arrays `(batch, steps)`."""
    import numpy as np

    tokens = np.random.default_rng(0).integers(0, VOCABULARY, (batch, steps))
    return tokens.astype("int32"), np.roll(tokens, -1, axis=1).astype("int32")


def keras_steps(row, layers, units, batch, steps):
    """Returns a function that runs a given number of training steps."""
    import keras
    import tensorflow as tf

    import dlunits

    lstm = dlunits.layers.LSTM if "dlunits" in row else keras.layers.LSTM
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    hidden = [
        keras.layers.Embedding(VOCABULARY, units),
        *(lstm(units, return_sequences=True) for _ in range(layers)),
    ]
    if "dlunits" in row and row != LAYERS_ALONE:
        hidden[:2] = [dlunits.layers.EmbeddingRNN(*hidden[:2])]
    model = keras.Sequential(
        [
            keras.Input((steps,), batch_size=batch, dtype="int32"),
            *hidden,
            keras.layers.Dense(VOCABULARY),
        ]
    )
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    batches = tf.data.Dataset.from_tensors(random_text(batch, steps))
    batches = batches.repeat().with_options(options)
    return lambda count: model.fit(
        batches, steps_per_epoch=count, shuffle=False, verbose=0
    )


def torch_steps(row, layers, units, batch, steps):
    """Returns a function that runs a given number of training steps."""
    import torch

    torch.set_num_threads(THREADS)
    embedding = torch.nn.Embedding(VOCABULARY, units)
    lstm = torch.nn.LSTM(units, units, layers, batch_first=True)
    dense = torch.nn.Linear(units, VOCABULARY)
    weights = [p for m in (embedding, lstm, dense) for p in m.parameters()]
    optimizer = torch.optim.Adam(weights, 1e-3)
    x, y = (torch.tensor(tokens).long() for tokens in random_text(batch, steps))

    def run(count):
        for _ in range(count):
            optimizer.zero_grad()
            logits = dense(lstm(embedding(x))[0]).reshape(-1, VOCABULARY)
            torch.nn.functional.cross_entropy(logits, y.reshape(-1)).backward()
            optimizer.step()

    return run


def measure(row, network, count):
    """Prints milliseconds per step and MiB as JSON, in a separate process."""
    run = (torch_steps if row == "PyTorch" else keras_steps)(
        row, *NETWORKS[network]
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(count)
    seconds = seconds_per_step(run, count)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([1e3 * seconds, (after - before) / 1024]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", nargs="?", choices=ROWS, help="measure one row")
    parser.add_argument("network", nargs="?", choices=NETWORKS)
    parser.add_argument("--count", type=int, default=20, help="training steps")
    parser.add_argument(
        "--quick", action="store_true", help="one turn, no gates"
    )
    arguments = parser.parse_args()
    if arguments.row:
        measure(arguments.row, arguments.network, arguments.count)
        return

    from gates import gate

    passed = True
    for network, (*_, batch, steps) in NETWORKS.items():
        turns = [
            {
                row: measured_in_process(
                    __file__, row, network, f"--count={arguments.count}"
                )
                for row in ROWS
            }
            for _ in range(1 if arguments.quick else 3)
        ]
        best = {row: min(turn[row] for turn in turns) for row in ROWS}
        for row, (milliseconds, memory) in best.items():
            speed = batch * steps / milliseconds
            print(
                f"{network}, {row:34}{milliseconds:7.1f} ms per step, "
                f"{speed:6.1f} thousand characters per second, "
                f"{memory:5.0f} MiB"
            )
        if arguments.quick:
            continue
        ours = min(best[row][0] for row in ROWS if "dlunits" in row)
        for baseline, bound in (("Keras, TensorFlow", 1.3), ("PyTorch", 1.0)):
            name = f"recurrent_step ({network}, times as fast as {baseline})"
            passed &= gate(name, best[baseline][0] / ours, ">=", bound)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
