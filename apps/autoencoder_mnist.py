"""Trains autoencoders of small images, and compares their codes.

Nine types of autoencoder: linear, undercomplete, overcomplete, sparse,
denoising, contractive, variational, with dropout, with L2 regularization. PCA
is the baseline.

Reference: Goodfellow, Bengio and Courville, 2016, "Deep Learning", chapter 14,
https://www.deeplearningbook.org/contents/autoencoders.html

Usage:
    python apps/autoencoder_mnist.py --autoencoder=variational
    python apps/autoencoder_mnist.py --autoencoder=all --dataset=fashion_mnist

After an interruption the same command resumes from the last finished epoch.
Expected: 7 to 9 s per epoch of an overcomplete type on MNIST with one CPU
thread.
"""

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

AUTOENCODERS = (
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
        workdir="runs/autoencoder_{dataset}_{autoencoder}_{epochs}_epochs_"
        "seed_{seed}",
        export_dir="saved_models/autoencoder_{dataset}_{autoencoder}",
    )
    _main.define_distribution_flags()
    flags.DEFINE_enum(
        "autoencoder",
        "undercomplete",
        [*AUTOENCODERS, "all"],
        "Type of autoencoder. all trains and compares all types, each in a "
        "subfolder of --workdir.",
    )
    flags.DEFINE_integer(
        "latent_dim",
        32,
        "Latent dimension: number of units of the code. The overcomplete, "
        "sparse, denoising and contractive types use --overcomplete_dim.",
        1,
        783,
    )
    flags.DEFINE_integer(
        "overcomplete_dim",
        1000,
        "Latent dimension of the overcomplete, sparse, denoising and "
        "contractive types: at least 784, the number of pixels.",
        784,
        20_000,
    )
    flags.DEFINE_integer(
        "units",
        None,
        "Number of units of each hidden layer of the variational type. "
        "Default: 200.",
        1,
        10_000,
    )
    flags.DEFINE_multi_integer(
        "num_labels",
        [100, 1000],
        "Number of labeled images with which a classifier on top of the "
        "encoder is fine-tuned.",
        1,
    )


def evaluate(model, history, data, path, num_labels, seed):
    """Evaluates a trained model; `path` caches its metrics.

    Returns a dict of `model`, `history` and `metrics`.
    """
    from dlunits.tasks.autoencoders import evaluate as autoencoders_evaluate
    from dlunits.tasks.autoencoders.few_labels import few_label_errors
    from dlunits.training.result_cache import cached_result

    def measure():
        few = few_label_errors(model.encoder, data, num_labels, seed=seed)
        metrics = autoencoders_evaluate.evaluate_autoencoder(model, data, seed)
        return {**metrics, "few_labels": few}

    config = {"data": data.fingerprint, "num_labels": num_labels, "seed": seed}
    config["version"] = autoencoders_evaluate.VERSION
    metrics = cached_result(path, config, model, measure)
    return {"model": model, "history": history, "metrics": metrics}


def run(
    autoencoder,
    dataset,
    data_dir,
    latent_dim,
    overcomplete_dim,
    num_labels,
    workdir,
    export_dir,
    **recipe,
):
    """Trains, writes the reports and exports; prints the paths of the results.

    `recipe` is passed on to `train_autoencoder`.
    """
    from dlunits.data.images import image_datasets
    from dlunits.models import pca_autoencoder
    from dlunits.paths import expand_user
    from dlunits.reporting.text_table import format_table
    from dlunits.tasks.autoencoders.report import write_autoencoder_report
    from dlunits.tasks.autoencoders.serve import export_autoencoder
    from dlunits.tasks.autoencoders.tables import tables
    from dlunits.tasks.autoencoders.train import RECIPES, train_autoencoder
    from dlunits.training import RunDirectory, check_writable, format_path
    from dlunits.training.distribution import current

    data = image_datasets.load(dataset, data_dir=data_dir)
    print(data.source, flush=True)
    recipe["batch_size"] = _main.limit_batch_size(
        recipe["batch_size"], len(data.train[0])
    )

    def path_of(template, autoencoder):
        names = {"dataset": data.name, "autoencoder": autoencoder, **recipe}
        return expand_user(format_path(template, names))

    # All folders are checked before the first model is trained.
    names, top = [autoencoder], path_of(workdir, autoencoder)
    if autoencoder == "all":
        names, workdir = AUTOENCODERS, top / "{autoencoder}"
        if "{autoencoder}" not in export_dir:
            export_dir += "/{autoencoder}"
    latent_dims, run_directories = {}, {}
    for name in names:
        latent_dims[name] = (
            overcomplete_dim if RECIPES[name].overcomplete else latent_dim
        )
        config = {
            "autoencoder": name,
            "data": data.fingerprint,
            "latent_dim": latent_dims[name],
            **recipe,
        }
        run_directories[name] = RunDirectory(
            path_of(str(workdir), name), config
        )
        check_writable(path_of(export_dir, name))

    def write_report(folder, names):
        return write_autoencoder_report(
            folder / "report.html",
            results={name: results[name] for name in ["PCA", *names]},
            data=data,
            command=COMMAND,
            seconds=sum(run_directories[name].seconds for name in names),
            seed=recipe["seed"],
        )

    def train(name):
        return train_autoencoder(
            name,
            data,
            run_directories[name],
            latent_dim=latent_dims[name],
            **recipe,
        )

    current().train_together(lambda: [train(name) for name in names])

    print("PCA: evaluation", flush=True)
    images = data.train[0].astype("float32") / 255
    pca = pca_autoencoder(images, min(latent_dim, len(images)))
    path, seed = top / "pca.json", recipe["seed"]
    results = {"PCA": evaluate(pca, {}, data, path, num_labels, seed)}
    for name, run_directory in run_directories.items():
        print(f"{name}: training and evaluation", flush=True)
        path = run_directory.path / "metrics.json"
        results[name] = evaluate(*train(name), data, path, num_labels, seed)
        report = write_report(run_directory.path, [name])
    if autoencoder == "all":
        report = write_report(top, names)
    for heading, table in tables(results).items():
        print(f"\n{heading}\n{format_table(*table)}")
    print(f"\nReport:     {report}")
    for name in names:
        version = export_autoencoder(
            results[name]["model"],
            path_of(export_dir, name),
            data=data,
            metrics={"test_mse": results[name]["metrics"]["mse"]},
            command=COMMAND,
        )
        print(f"SavedModel: {version}", flush=True)
    print(f'Use it:     tf.saved_model.load("{version}").encode(images)')


if __name__ == "__main__":
    _main.run_app(
        define_flags, run, resumes=True, onednn=True, log_warnings=False
    )
