"""Training speed of a GAN in images per second, against a PyTorch loop.

The networks for 28x28 images, losses, penalty, optimizers, moving average of
the generator's weights and random images are the same, with 2 threads. Each
row runs in a separate process. The rows run in turns, and the fastest turn is
used, so that other load on the machine affects them equally.

Usage:
    python benchmarks/gan_step.py [--quick]
"""

import sys

from row_process import THREADS, fastest_of_rows, seconds_per_step

BATCH_SIZE, LATENT_DIM, FILTERS, UNITS = 128, 64, (64, 32), 256
ROWS = ("dlunits, TensorFlow", "dlunits, JAX", "PyTorch")


def images():
    import numpy as np

    shape = (BATCH_SIZE, 28, 28, 1)
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def keras_steps():
    """Returns a function that runs a number of training steps."""
    import tensorflow as tf

    from dlunits.models import convolutional_gan

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    model = convolutional_gan(
        latent_dim=LATENT_DIM, filters=FILTERS, units=UNITS, seed=0
    )
    model.compile()
    options = tf.data.Options()
    options.autotune.enabled = False
    batches = tf.data.Dataset.from_tensors(images())
    batches = batches.repeat().with_options(options)
    return lambda count: model.fit(
        batches, steps_per_epoch=count, shuffle=False, verbose=0
    )


def torch_steps():
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    first, second = FILTERS

    generator = nn.Sequential(
        nn.Linear(LATENT_DIM, 49 * first, bias=False),
        nn.Unflatten(1, (first, 7, 7)),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        nn.ConvTranspose2d(first, second, 4, 2, 1, bias=False),
        nn.BatchNorm2d(second),
        nn.ReLU(),
        nn.ConvTranspose2d(second, 1, 4, 2, 1),
        nn.Sigmoid(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, second, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(second, first, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(49 * first, UNITS),
        nn.LeakyReLU(0.2),
        nn.Linear(UNITS, 1),
    )
    optimizers = [
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999))
        for network in (generator, discriminator)
    ]
    ema_weights = [p.detach().clone() for p in generator.parameters()]
    real = torch.tensor(images()).permute(0, 3, 1, 2).contiguous()
    real.requires_grad_()
    softplus = nn.functional.softplus

    def train(count):
        for _ in range(count):
            with torch.no_grad():
                fake = generator(torch.randn(BATCH_SIZE, LATENT_DIM))
            optimizers[1].zero_grad()
            outputs = discriminator(real)
            (grads,) = torch.autograd.grad(
                outputs.sum(), real, create_graph=True
            )
            penalty = grads.square().sum() / BATCH_SIZE
            loss = softplus(-outputs).mean() + 0.5 * penalty
            loss = loss + softplus(discriminator(fake)).mean()
            loss.backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            fake = generator(torch.randn(BATCH_SIZE, LATENT_DIM))
            softplus(-discriminator(fake)).mean().backward()
            optimizers[0].step()
            with torch.no_grad():
                pairs = zip(ema_weights, generator.parameters(), strict=True)
                for ema_weight, weight in pairs:
                    ema_weight.lerp_(weight, 0.001)

    return train


def measure(row, count):
    """Images per second of a row, in this process."""
    train = torch_steps() if row == "PyTorch" else keras_steps()
    train(count)
    return BATCH_SIZE / seconds_per_step(train, count)


def main():
    best, quick = fastest_of_rows(
        __file__, __doc__.splitlines()[0], ROWS, 20, measure
    )
    for row, speed in best.items():
        print(f"{row:20}{speed:7.0f} images per second")
    if quick:
        return

    from gates import gate

    ours = max(best[row] for row in ROWS if "dlunits" in row)
    passed = gate(
        "gan_step (times as fast as PyTorch)", ours / best["PyTorch"], ">=", 1
    )
    sys.exit(not passed)


if __name__ == "__main__":
    main()
