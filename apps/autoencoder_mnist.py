"""Trains autoencoders of small images, and compares what their codes are.

Nine kinds, or all of them beside PCA: linear, undercomplete, overcomplete,
sparse, denoising, contractive, variational, with dropout, with L2.

Reference: Goodfellow, Bengio and Courville, 2016, "Deep Learning", chapter 14,
https://www.deeplearningbook.org/contents/autoencoders.html

Usage:
    python apps/autoencoder_mnist.py --kind=variational
    python apps/autoencoder_mnist.py --kind=all --dataset=fashion_mnist

Stopped at any moment, the same command goes on after its last whole epoch.
Expected: 7 to 9 s an epoch of a wide kind on MNIST with one CPU thread.
"""

import pathlib

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

KINDS = (
    "linear",
    "undercomplete",
    "overcomplete",
    "sparse",
    "denoising",
    "contractive",
    "variational",
    "dropout",
    "l2",
)


def define_flags():
    _main.define_common_flags(
        dataset="auto",
        data_dir=None,
        epochs=15,
        batch_size=128,
        learning_rate=2e-3,
        patience=20,
        seed=0,
        workdir="runs/autoencoder_{dataset}_{kind}_{epochs}_epochs_seed_{seed}",
        export_dir="saved_models/autoencoder_{dataset}_{kind}",
    )
    flags.DEFINE_enum(
        "kind",
        "undercomplete",
        [*KINDS, "all"],
        "Type of autoencoder; all: each one, in a subfolder of --workdir.",
    )
    flags.DEFINE_integer(
        "latent_dim", 32, "Units of a code smaller than the image.", 1, 783
    )
    flags.DEFINE_integer(
        "wide_code_size",
        1000,
        "Units of the overcomplete, sparse, denoising and contractive code.",
        lower_bound=784,
    )
    flags.DEFINE_multi_integer(
        "labels", [100, 1000], "Images with a label, to fine-tune with.", 1
    )


def train_and_evaluate(*, data, run_directory, kind, labels, **recipe):
    """Returns a dict: `model`, `history` and the `measures` of one kind.

    `data` is an `ImageDataset`, `run_directory` the `RunDirectory` of the run.
    """
    from dlunits.tasks.autoencoders.train import train_autoencoder

    print(f"{kind}: training and measuring", flush=True)
    model, history = train_autoencoder(kind, data, run_directory, **recipe)
    path = run_directory.path / "measures.json"
    return evaluate(model, history, data, path, labels, recipe["seed"])


def evaluate(model, history, data, path, labels, seed):
    """The same of a model that is trained; `path` keeps its measures."""
    from dlunits.tasks.autoencoders import evaluate as autoencoders_evaluate
    from dlunits.tasks.autoencoders.few_labels import few_label_errors
    from dlunits.training.result_cache import cached_result

    def measure():
        few = few_label_errors(model.encoder, data, labels, seed=seed)
        measured = autoencoders_evaluate.evaluate_autoencoder(model, data, seed)
        return {**measured, "few_labels": few}

    of_data = {"data": data.fingerprint, "labels": labels, "seed": seed}
    of_data["version"] = autoencoders_evaluate.VERSION
    measures = cached_result(path, of_data, model, measure)
    return {"model": model, "history": history, "measures": measures}


def run(
    kind,
    dataset,
    data_dir,
    latent_dim,
    wide_code_size,
    labels,
    workdir,
    export_dir,
    **recipe,
):
    """From the flags to reports and SavedModels, named at the end."""
    from dlunits.data import batches
    from dlunits.data.images import image_datasets
    from dlunits.models import pca_autoencoder
    from dlunits.tasks.autoencoders.report import write_autoencoder_report
    from dlunits.tasks.autoencoders.serve import export_autoencoder
    from dlunits.tasks.autoencoders.tables import as_text, tables
    from dlunits.tasks.autoencoders.train import RECIPES
    from dlunits.training import RunDirectory, check_writable, format_path

    data = image_datasets.load(dataset, data_dir=data_dir)
    print(data.source, flush=True)
    batches.steps_per_epoch(len(data.train[0]), recipe["batch_size"])

    def named(template, kind):
        names = {"dataset": data.name, "kind": kind, **recipe}
        return pathlib.Path(format_path(template, names)).expanduser()

    # Every folder is looked at before the first model is trained.
    kinds, top = [kind], named(workdir, kind)
    if kind == "all":
        kinds, workdir = KINDS, top / "{kind}"
        if "{kind}" not in export_dir:
            export_dir += "/{kind}"
    sizes, run_directories = {}, {}
    for one in kinds:
        sizes[one] = wide_code_size if RECIPES[one].wide else latent_dim
        run_of = {"data": data.fingerprint, "latent_dim": sizes[one], **recipe}
        run_directories[one] = RunDirectory(
            named(str(workdir), one), {"kind": one, **run_of}
        )
        check_writable(named(export_dir, one))

    def report(folder, names):
        return write_autoencoder_report(
            folder / "report.html",
            results={name: results[name] for name in ["PCA", *names]},
            data=data,
            command=COMMAND,
            seconds=sum(run_directories[name].seconds for name in names),
            seed=recipe["seed"],
        )

    print("PCA: measuring", flush=True)
    images = data.train[0].astype("float32") / 255
    pca = pca_autoencoder(images, min(latent_dim, len(images)))
    path, seed = top / "pca.json", recipe["seed"]
    results = {"PCA": evaluate(pca, {}, data, path, labels, seed)}
    for one, run_directory in run_directories.items():
        results[one] = train_and_evaluate(
            data=data,
            run_directory=run_directory,
            kind=one,
            labels=labels,
            latent_dim=sizes[one],
            **recipe,
        )
        page = report(run_directory.path, [one])
    if kind == "all":
        page = report(top, kinds)
    for heading, table in tables(results).items():
        print(f"\n{heading}\n{as_text(*table)}")
    print(f"\nReport:     {page}")
    for one in kinds:
        version = export_autoencoder(
            results[one]["model"],
            named(export_dir, one),
            data=data,
            metrics={"test_mse": results[one]["measures"]["error"]},
            command=COMMAND,
        )
        print(f"SavedModel: {version}", flush=True)
    print(f'Use it:     tf.saved_model.load("{version}").encode(images)')


if __name__ == "__main__":
    _main.run_app(
        define_flags, run, resumes=True, onednn=True, log_warnings=False
    )
