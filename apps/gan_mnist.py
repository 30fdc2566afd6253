"""Learns to draw small images that a discriminator takes for real.

Reference: Goodfellow et al., 2014, "Generative adversarial nets",
https://arxiv.org/abs/1406.2661

Usage:
    python apps/gan_mnist.py --conditional
    python apps/gan_mnist.py --dataset=fashion_mnist --loss=hinge
    python apps/gan_mnist.py --model=saved_models/gan_mnist/1 --generate=64

Stopped at any moment, the same command goes on after its last whole epoch.
Expected on MNIST: after 10 epochs a Frechet distance of 0.29, with
--conditional 0.17, where real images have 0.10; 8 minutes of one CPU thread.
"""

import pathlib
import shlex

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")


def define_flags():
    _main.define_common_flags(
        dataset="auto",
        data_dir=None,
        epochs=10,
        batch_size=128,
        learning_rate=2e-3,
        seed=0,
        workdir="runs/gan_{dataset}_{loss}_{kind}_{epochs}_epochs_seed_{seed}",
        export_dir="saved_models/gan_{dataset}",
        max_seed=2**31 - 1,
    )
    flags.DEFINE_enum("loss", "non_saturating", LOSSES, "What is played for.")
    flags.DEFINE_bool("conditional", False, "Whether the class can be asked.")
    flags.DEFINE_integer(
        "latent_dim", 64, "Random numbers an image.", lower_bound=1
    )
    flags.DEFINE_float(
        "label_smoothing", 0.0, "Doubt about real images.", 0, 0.99
    )
    flags.DEFINE_bool(
        "augment_classifier",
        False,
        "Train LeNet-5 on few labels, with and without generated images; "
        "needs --conditional.",
    )
    flags.DEFINE_string("model", None, "SavedModel to draw images with.")
    flags.DEFINE_integer("generate", None, "How many to draw.", 1, 10_000)
    flags.DEFINE_integer("label", -1, "Class to draw; -1: all in turn.", -1)
    flags.DEFINE_string("output", "grid.png", "Where --generate draws.")


def train_and_evaluate(*, data, run_directory, augment_classifier, **recipe):
    """Returns a dict: `model`, `history`, `qualities`, `few_labels`.

    `data` is an `ImageDataset`, `run_directory` the `RunDirectory` of the run.
    """
    from dlunits.tasks.gan.augment_classifier import few_label_table
    from dlunits.tasks.gan.evaluate import RealImages, train_feature_classifier
    from dlunits.tasks.gan.train import train_gan

    model, history = train_gan(data, run_directory, **recipe)
    print("Judging", flush=True)
    real = RealImages(train_feature_classifier(data, seed=recipe["seed"]), data)
    count, labels = len(real.test), None
    if recipe["conditional"]:
        labels = [place % model.num_classes for place in range(count)]
    made = model.generate(count, recipe["seed"])
    few = None
    if augment_classifier:
        few = few_label_table(model, data, seed=recipe["seed"])
    return {
        "model": model,
        "history": history,
        "qualities": {
            "generated": real.quality(made, labels),
            "real": real.floor,
        },
        "few_labels": few,
    }


def train(dataset, data_dir, workdir, export_dir, augment_classifier, **recipe):
    """From the flags to a report and a SavedModel, named at the end."""
    from dlunits.data import batches
    from dlunits.data.images import image_datasets
    from dlunits.tasks.gan.report import quality_table, write_gan_report
    from dlunits.tasks.gan.serve import export_gan
    from dlunits.tasks.gan.train import write_gif
    from dlunits.training import RunDirectory, check_writable, format_path

    conditional = recipe["conditional"]
    if augment_classifier and not conditional:
        raise ValueError(
            "--augment_classifier needs classes to ask for: add --conditional"
        )
    data = image_datasets.load(dataset, data_dir=data_dir)
    print(data.source, flush=True)
    batches.steps_per_epoch(len(data.train[0]), recipe["batch_size"])
    kind = "conditional" if conditional else "unconditional"
    names = {"dataset": data.name, "kind": kind, **recipe}
    export_dir = pathlib.Path(format_path(export_dir, names)).expanduser()
    run_of = {"data": data.fingerprint, **recipe}
    run_directory = RunDirectory(format_path(workdir, names), run_of)
    check_writable(export_dir)
    trained = train_and_evaluate(
        data=data,
        run_directory=run_directory,
        augment_classifier=augment_classifier,
        **recipe,
    )
    report = write_gan_report(
        run_directory.path / "report.html",
        **trained,
        data=data,
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    animation = write_gif(
        run_directory.path / "samples.gif", run_directory.path / "samples"
    )
    version = export_gan(
        trained["model"],
        export_dir,
        data=data,
        metrics=trained["qualities"]["generated"],
        command=COMMAND,
    )
    for row in quality_table(trained["qualities"]):
        print(", ".join(f"{name} {value}" for name, value in row.items()))
    print(f"Report:     {report}")
    print(f"Animation:  {animation}")
    print(f"SavedModel: {version}")
    model = shlex.quote(f"--model={version}")
    print(f"Use it:     {_main.program('gan_mnist')} {model} --generate=64")


def draw(model, generate, seed, label, output):
    """Draws images with a SavedModel into a file."""
    from dlunits.tasks.gan.generate import load_generator
    from dlunits.tasks.gan.train import make_grid, write_png

    images = load_generator(model)(generate, seed, label)
    rows = max(n for n in range(1, generate + 1) if n * n <= generate)
    write_png(output, make_grid(images, rows))
    print(f"Drawn: {output}")


def run(model, generate, label, output, **recipe):
    """Trains a generator, or with `generate` draws images with a saved one."""
    if generate is None:
        return train(**recipe)
    return draw(model, generate, recipe["seed"], label, output)


def check_flags(given):
    """Refuses flags that have no effect beside others."""
    _main.refuse_without(given, ["model"], ["generate"])
    _main.refuse_without(given, ["generate"], ["model", "label", "output"])
    idle = given - {"model", "generate", "seed", "label", "output"}
    _main.refuse_beside(given, "generate", idle, "nothing is trained")


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        resumes=True,
        onednn=True,
        log_warnings=False,
    )
