"""Training speed of AlexNet in images per second, against a PyTorch loop.

The network of two groups with 60,965,224 parameters, random images of 227x227
pixels in batches of 16, the loss, and the optimizer (SGD with momentum) are the
same, with 2 threads. PyTorch runs in both of its memory formats, and the faster
one is used. Each row runs in a separate process. The rows run in turns, and the
fastest turn is used, so that other load on the machine affects them equally.

Usage:
    python benchmarks/alexnet_step.py [--quick]
"""

import sys

from row_process import THREADS, fastest_of_rows, seconds_per_step

BATCH_SIZE, SIZE, NUM_CLASSES = 16, 227, 1000
LEARNING_RATE, MOMENTUM = 1e-3, 0.9
ROWS = (
    "dlunits, TensorFlow",
    "dlunits, JAX",
    "PyTorch",
    "PyTorch, channels last",
)


def examples():
    """Random images and labels; the time does not depend on them."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.uniform(size=(BATCH_SIZE, SIZE, SIZE, 3)).astype("float32")
    return images, rng.integers(0, NUM_CLASSES, BATCH_SIZE)


def keras_steps():
    """Returns a function that runs a number of training steps."""
    import keras
    import tensorflow as tf

    from dlunits.data.batches import disable_autotune
    from dlunits.models import AlexNet

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    model = AlexNet(NUM_CLASSES)
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE, MOMENTUM),
        "sparse_categorical_crossentropy",
    )
    batches = tf.data.Dataset.from_tensors(examples())
    batches = disable_autotune(batches.repeat())
    return lambda count: model.fit(
        batches, steps_per_epoch=count, shuffle=False, verbose=0
    )


def torch_steps(channels_last):
    """The same with PyTorch, in one of its two memory formats."""
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)

    def normalization():  # PyTorch divides alpha by the size
        return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

    network = nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4),
        nn.ReLU(),
        normalization(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.ReLU(),
        normalization(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, NUM_CLASSES),
    )
    optimizer = torch.optim.SGD(
        network.parameters(), LEARNING_RATE, momentum=MOMENTUM
    )
    loss_of = nn.CrossEntropyLoss()
    images, labels = map(torch.tensor, examples())
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = network.to(memory_format=layout)
    images = images.permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def train(count):
        for _ in range(count):
            optimizer.zero_grad()
            loss = loss_of(network(images * 255 - 127.5), labels)
            loss.backward()
            optimizer.step()

    return train


def measure(row, count):
    """Images per second of a row, in this process."""
    if "dlunits" in row:
        train = keras_steps()
    else:
        train = torch_steps("channels last" in row)
    train(2)
    return BATCH_SIZE / seconds_per_step(train, count)


def main():
    best, quick = fastest_of_rows(
        __file__, __doc__.splitlines()[0], ROWS, 4, measure
    )
    for row, speed in best.items():
        print(
            f"{row:24}{speed:6.2f} images per second, "
            f"{BATCH_SIZE / speed:6.3f} s per step"
        )
    if quick:
        return

    from gates import gate

    ours = max(best[row] for row in ROWS if "dlunits" in row)
    theirs = max(best[row] for row in ROWS if "PyTorch" in row)
    ratio = theirs / ours  # of the times
    passed = gate("alexnet_step (dlunits / PyTorch)", ratio, "<=", 1)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
