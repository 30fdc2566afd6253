"""Time of one LeNet-5 epoch: this package, stock Keras and PyTorch.

60,000 images, batches of 128, two threads, Adam. Each system runs in a separate
process. They run in turns, so that other load on the machine affects all of
them, and the fastest epoch of each is used.

- dlunits: the model and pipeline of the app, without augmentation.
- dlunits, augmented: the same with the augmentation of the app.
- stock Keras: the same layers, `fit(x, y)` on arrays, all defaults.
- stock Keras, no oneDNN: the same without oneDNN, which TensorFlow disables on
  processors without neural network instructions.
- PyTorch: the same layers, in the style of its tutorials.

Usage:
    python benchmarks/lenet_epoch.py [--quick]
"""

import argparse
import os
import subprocess
import sys
import time

from gates import gate

NUM_IMAGES, BATCH_SIZE, THREADS = 60_000, 128, 2
STEPS = NUM_IMAGES // BATCH_SIZE
BOUND = 1.0


def load_images():
    """Random images of the size of MNIST; the time does not depend on them."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (NUM_IMAGES, 28, 28, 1), dtype="uint8")
    return images, rng.integers(0, 10, NUM_IMAGES)


def ours(epochs, augment=False):
    import keras

    from dlunits.data.batches import training_batches
    from dlunits.data.images.augmentation import RandomAffine, pad_to_32x32
    from dlunits.models import LeNet5

    limit_tensorflow()
    distort = RandomAffine()
    batches = training_batches(
        *load_images(),
        batch_size=BATCH_SIZE,
        seed=0,
        first_step=0,
        last_step=epochs * STEPS,
        prepare=distort if augment else lambda x, _: pad_to_32x32(x),
    )
    model = LeNet5(input_shape=(32, 32, 1))
    compile_model(model)
    clock = epoch_clock(keras)
    model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=STEPS,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    return clock.seconds


def stock(epochs):
    import keras
    from keras import layers

    limit_tensorflow()
    images, labels = load_images()
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(120, 5, activation="tanh"),
            layers.Flatten(),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    compile_model(model)
    clock = epoch_clock(keras)
    model.fit(
        images.astype("float32") / 255,
        labels,
        batch_size=BATCH_SIZE,
        epochs=epochs,
        verbose=0,
        callbacks=[clock],
    )
    return clock.seconds


def pytorch(epochs):
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    images, labels = load_images()
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    y = torch.from_numpy(labels)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    loss_of = nn.CrossEntropyLoss()
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        order = torch.randperm(NUM_IMAGES)
        for rows in order[: STEPS * BATCH_SIZE].split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = loss_of(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def limit_tensorflow():
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def compile_model(model):
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )


def epoch_clock(keras):
    class EpochClock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(time.perf_counter() - self.start)

    return EpochClock()


# Name -> function, and environment variables.
SYSTEMS = {
    "dlunits": (ours, {"TF_ENABLE_ONEDNN_OPTS": "1"}),
    "dlunits, augmented": (
        lambda epochs: ours(epochs, augment=True),
        {"TF_ENABLE_ONEDNN_OPTS": "1"},
    ),
    "stock Keras": (stock, {}),
    "stock Keras, no oneDNN": (stock, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "PyTorch": (pytorch, {"OMP_NUM_THREADS": str(THREADS)}),
}


def in_own_process(name, epochs):
    """Duration of the fastest epoch in seconds, or `None` without PyTorch."""
    process = subprocess.run(
        [sys.executable, __file__, "--system", name, "--epochs", str(epochs)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **SYSTEMS[name][1]},
        capture_output=True,
        text=True,
    )
    if "No module named 'torch'" in process.stderr:
        return None
    if process.returncode:
        sys.exit(process.stderr)
    return float(process.stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short turn")
    parser.add_argument("--system", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    if arguments.system:
        seconds = SYSTEMS[arguments.system][0](arguments.epochs)
        print(min(seconds[1:]))  # the first epoch compiles
        return
    epochs, turns = (2, 1) if arguments.quick else (arguments.epochs, 3)
    fastest = {}
    for _ in range(turns):
        for name in SYSTEMS:
            seconds = in_own_process(name, epochs)
            if seconds is not None:
                fastest[name] = min(seconds, fastest.get(name, seconds))
    for name, seconds in fastest.items():
        print(f"{name:24} {seconds:6.2f} s per epoch")
    step = fastest["dlunits, augmented"] / fastest["dlunits"]
    print(f"step with augmentation / step without: {step:.2f}")
    if "PyTorch" not in fastest:
        print("PyTorch is not installed, run: pip install torch")
        return
    ratio = fastest["dlunits"] / fastest["PyTorch"]
    sys.exit(not gate("lenet_epoch (dlunits / PyTorch)", ratio, "<=", BOUND))


if __name__ == "__main__":
    main()
