r"""Compares convolutional networks with dense networks of equal size.

The report compares networks with equally many parameters, also on shifted
images; counts connections and shared weights; computes the output size of every
layer; writes outputs of convolutions as sums of products; detects motion with a
3-D convolution; and draws feature maps. Each claim is stated with the number
that supports or contradicts it. The report ends with the Keras code of the
training runs. All numbers are also written to CSV files.

Usage:
    python apps/convolution_lab.py
    python apps/convolution_lab.py --image=photo.png --image=scan.jpg
    python apps/convolution_lab.py --model=my_model.keras --data=folder

After an interruption the same command resumes from the last finished training.
Expected: 3 networks with 3 seeds on the embedded digits take about two minutes
of one CPU core.
"""

import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)


def define_flags():
    _main.define_common_flags(
        dataset="auto",
        data_dir=None,
        epochs=20,
        batch_size=64,
        seed=0,
        max_seed=2**31 - 1,
        workdir="runs/convolution_lab_{dataset}_{epochs}_epochs_seed_{seed}",
    )
    flags.DEFINE_float(
        "learning_rate",
        1e-3,
        "Learning rate of the Adam optimizer.",
        lower_bound=0,
    )
    flags.DEFINE_integer(
        "max_images",
        5000,
        "Maximum number of training images: of larger data sets a random "
        "sample is used. At most 2,000 test images are used, each at 49 "
        "shifts.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "seeds",
        3,
        "Number of training runs of each network, with the seeds --seed, "
        "--seed + 1 and so on. Confidence intervals need at least 2.",
        lower_bound=1,
        upper_bound=100,
    )
    flags.DEFINE_string(
        "data",
        None,
        "Your own images, instead of --dataset: a folder with one subfolder "
        "of images per class.",
    )
    flags.DEFINE_string(
        "model",
        None,
        "Your own network, a .keras file. Output sizes, parameters and "
        "operations of its layers are computed. If its input shape is that of "
        "the images, it is trained from new initial weights instead of the "
        "CNNs of the app, and compared with a dense network with equally many "
        "parameters. Feature maps are those of the weights in the file.",
    )
    flags.DEFINE_multi_string(
        "image",
        [],
        "Image file whose feature maps are drawn. Photos of digits are "
        "cropped and centered as in MNIST.",
    )


def check_flags(given):
    _main.refuse_with(
        given, "data", ["dataset", "data_dir"], "the images are read from it"
    )


def run(
    dataset,
    data,
    data_dir,
    workdir,
    model,
    image,
    seeds,
    epochs,
    max_images,
    **settings,
):
    """Trains, measures, and writes the report and the tables."""
    from tqdm import tqdm

    from dlunits.paths import expand_user
    from dlunits.reporting.text_table import format_table
    from dlunits.tasks.lab.convolution import report, run_lab, subject
    from dlunits.tasks.lab.sources import (
        load_data,
        load_model,
        save_arrays,
    )
    from dlunits.training import check_writable, format_path
    from dlunits.training.run_lock import lock_run

    start = time.monotonic()
    own = load_model(model) if model else None
    images = load_images(load_data, dataset, data, data_dir)
    images = subject.limit_images(images, max_images)
    print(images.source, flush=True)
    chosen = subject.choose_subject(images, own, image)
    if chosen.note:
        print(chosen.note, flush=True)
    recipe = {
        **settings,
        "epochs": epochs,
        "batch_size": _main.limit_batch_size(
            settings["batch_size"], len(images.train[1])
        ),
    }
    names = {"dataset": images.name, **recipe}
    folder = expand_user(format_path(workdir, names))
    finished = folder / "finished"
    check_writable(finished)
    lock = lock_run(folder)
    save_arrays(folder / report.DATA_FILE, chosen.data)
    if chosen.compared is not None:
        chosen.compared.save(folder / report.MODEL_FILE)
    first = recipe.pop("seed")
    runs = {"seeds": range(first, first + seeds), "progress": tqdm}
    networks = run_lab.make_networks(images, chosen.compared)
    trained = run_lab.compare_networks(
        finished, images, networks, **runs, **recipe
    )
    moving = run_lab.compare_motion(finished, images, **runs)
    page, claims = report.write_convolution_report(
        folder / "report.html",
        report.LabResults(chosen, images.test[0], trained, moving),
        recipe=recipe,
        command=COMMAND,
        seconds=time.monotonic() - start,
    )
    lock.release()
    table = report.accuracy_table(trained)
    print(f"\n{format_table(*table)}\n")
    for title, claim in claims.items():
        print(f"{title}: {claim.verdict}")
    print(f"\nReport: {page}")
    print(f"Tables: {folder}/*.csv", flush=True)


def load_images(load_data, dataset, data, data_dir):
    """Loads images; raises `ValueError` for a table."""
    import pathlib

    if data is not None and pathlib.Path(data).is_file():
        raise ValueError(
            f"--data must be a folder with one subfolder of images per class. "
            f"Received: {data}, a file"
        )
    return load_data(dataset, data=data, data_dir=data_dir)


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        resumes=True,
        onednn=True,
        log_warnings=False,
    )
