"""Training steps per second on one GPU: dlunits on JAX against PyTorch.

LeNet-5, a language model with two LSTM layers of 512 units (cuDNN's in
PyTorch), the GAN for 28x28 images and AlexNet, in float32 and in mixed
precision with bfloat16. The networks and optimizers are those of
`recurrent_step.py`, `gan_step.py` and `alexnet_step.py`. A step of dlunits is
one program of XLA; PyTorch runs eagerly, without `torch.compile`. The batch is
on the device. Both run in turns, each row in a separate process, and the
fastest of three turns is used.

It has not been run on a GPU yet, as none was at hand. On a CPU, `--quick` runs
it with small sizes to show that it works; those times say nothing of a GPU.

Usage, with JAX and PyTorch for the GPU:
    python benchmarks/gpu_step.py [--quick]
"""

import argparse
import json
import os
import subprocess
import sys

SIDES = ("dlunits, JAX", "PyTorch")
NETWORKS = ("LeNet-5", "LSTM 2x512", "GAN", "AlexNet")
PRECISIONS = ("float32", "bfloat16")
LENGTH = 100
TURNS = 3


def sizes(quick):
    """Batch size by network, units of the LSTM, and timed steps."""
    if quick:
        return dict.fromkeys(NETWORKS, 2), 16, 2
    return dict.fromkeys(NETWORKS, 128) | {"LSTM 2x512": 64}, 512, 50


def lenet_images(batch_size):
    """Random images and labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.uniform(size=(batch_size, 32, 32, 1)).astype("float32")
    return images, rng.integers(0, 10, batch_size).astype("int32")


def jax_speed(network, precision, batch_size, units, count):
    """Steps per second of dlunits on JAX, and the device."""
    import alexnet_step
    import gan_step
    import jax
    import jax_step
    import keras
    import recurrent_step

    from dlunits.layers import LSTM
    from dlunits.models import AlexNet, LeNet5, convolutional_gan

    if precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    loss = keras.losses.SparseCategoricalCrossentropy()
    if network == "LeNet-5":
        model = LeNet5(10, input_shape=(32, 32, 1))
        model.compile(keras.optimizers.Adam(1e-3), loss)
        batch = lenet_images(batch_size)
    elif network == "LSTM 2x512":
        vocabulary = recurrent_step.VOCABULARY
        model = keras.Sequential(
            [
                keras.Input((LENGTH,), dtype="int32"),
                keras.layers.Embedding(vocabulary, units),
                LSTM(units, return_sequences=True),
                LSTM(units, return_sequences=True),
                keras.layers.Dense(vocabulary, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.Adam(1e-3), loss)
        batch = recurrent_step.random_text(batch_size, LENGTH)
    elif network == "GAN":
        model = convolutional_gan(
            latent_dim=gan_step.LATENT_DIM,
            filters=gan_step.FILTERS,
            units=gan_step.UNITS,
            seed=0,
        )
        model.compile()
        gan_step.BATCH_SIZE = batch_size
        batch = (gan_step.images(),)
    else:
        alexnet_step.BATCH_SIZE = batch_size
        model = AlexNet(alexnet_step.NUM_CLASSES)
        model.compile(
            keras.optimizers.SGD(
                alexnet_step.LEARNING_RATE, alexnet_step.MOMENTUM
            ),
            loss,
        )
        batch = alexnet_step.examples()
    if network != "GAN":
        model.optimizer.build(model.trainable_variables)
    batch = tuple(map(jax.numpy.asarray, batch))
    taken = jax_step.milliseconds_per_step(model, batch, count)
    return 1e3 / taken, jax.devices()[0].device_kind


def torch_lenet(batch_size):
    """Function that runs training steps of LeNet-5 with PyTorch."""
    import torch
    from torch import nn

    network = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    images, labels = map(torch.tensor, lenet_images(batch_size))
    images, labels = images.permute(0, 3, 1, 2).contiguous(), labels.long()

    def train(count):
        for _ in range(count):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()

    return train


def torch_speed(network, precision, batch_size, units, count):
    """Steps per second of PyTorch, and the device."""
    import alexnet_step
    import gan_step
    import recurrent_step
    import torch
    from row_process import seconds_per_step

    on_gpu = torch.cuda.is_available()
    # What the other benchmarks create is on the GPU then.
    torch.set_default_device("cuda" if on_gpu else "cpu")
    if network == "LeNet-5":
        steps = torch_lenet(batch_size)
    elif network == "LSTM 2x512":
        steps = recurrent_step.torch_steps("", 2, units, batch_size, LENGTH)
    elif network == "GAN":
        gan_step.BATCH_SIZE = batch_size
        steps = gan_step.torch_steps()
    else:
        alexnet_step.BATCH_SIZE = batch_size
        steps = alexnet_step.torch_steps(channels_last=True)

    def train(number):
        with torch.autocast(
            "cuda" if on_gpu else "cpu",
            torch.bfloat16,
            enabled=precision == "bfloat16",
        ):
            steps(number)
        if on_gpu:
            torch.cuda.synchronize()

    train(2)
    name = torch.cuda.get_device_name() if on_gpu else "cpu"
    return 1 / seconds_per_step(train, count), name


def measure(side, network, precision, quick):
    """Prints steps per second and the device, in a separate process."""
    batch_sizes, units, count = sizes(quick)
    speed = torch_speed if side == "PyTorch" else jax_speed
    found = speed(network, precision, batch_sizes[network], units, count)
    print(json.dumps(found), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one turn"
    )
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        return measure(*arguments.row, arguments.quick)
    for network in NETWORKS:
        for precision in PRECISIONS:
            best = dict.fromkeys(SIDES, 0.0)
            for side in SIDES * (1 if arguments.quick else TURNS):
                process = subprocess.run(
                    [
                        *(sys.executable, __file__, "--row", side, network),
                        *(precision, *(["--quick"] * arguments.quick)),
                    ],
                    env={**os.environ, "KERAS_BACKEND": "jax"},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                speed, device = json.loads(process.stdout.splitlines()[-1])
                best[side] = max(best[side], speed)
            row = ", ".join(f"{s} {best[s]:.1f}" for s in SIDES)
            ratio = best["dlunits, JAX"] / best["PyTorch"]
            print(
                f"{network}, {precision}, {device}: {row} steps per second, "
                f"{ratio:.2f} times PyTorch",
                flush=True,
            )
    return None


if __name__ == "__main__":
    main()
