r"""Trains a denoiser of small images, and denoises images of any size.

Paper: Vincent et al., 2010, "Stacked denoising autoencoders",
https://www.jmlr.org/papers/v11/vincent10a.html

Usage:
    python apps/denoising_mnist.py --noise=gaussian --noise_level=0.5
    python apps/denoising_mnist.py --model=saved_models/NAME \
        --input=photo.jpg --input=FOLDER --output=denoised

Without --model it trains first; after an interruption the same command resumes
from the last finished epoch. Images that cannot be read are reported, the
others are denoised, and the exit status is 1.

Expected: a PSNR of 21.1 dB on MNIST after 8 epochs, in 6 minutes on one CPU
core; the best linear filter has 17.7 dB.
"""

import shlex
import sys

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

NOISES = ("gaussian", "masking", "salt_and_pepper")


def define_flags():
    _main.define_distribution_flags()
    _main.define_common_flags(
        dataset="auto",
        data_dir=None,
        model=None,
        epochs=8,
        steps_per_epoch=None,
        batch_size=64,
        learning_rate=4e-3,
        units=256,
        patience=20,
        seed=0,
        workdir="runs/denoising_{dataset}_{noise}_{noise_level}_{epochs}_epochs_"
        "seed_{seed}",
        export_dir="saved_models/denoiser_{dataset}_{noise}_{noise_level}",
    )
    flags.DEFINE_enum(
        "noise",
        "gaussian",
        NOISES,
        "Type of noise. gaussian: a random number is added to each pixel; "
        "masking: pixels become 0; salt_and_pepper: pixels become 0 or 1. "
        "Pixels range from 0 to 1.",
    )
    flags.DEFINE_float(
        "noise_level",
        0.5,
        "Standard deviation of gaussian noise, for pixels from 0 to 1; "
        "fraction of corrupted pixels for the other types.",
        lower_bound=0,
    )
    flags.DEFINE_multi_string(
        "input",
        [],
        "Image file, or folder of image files, to denoise.",
    )
    flags.DEFINE_string(
        "output", None, "Folder in which the denoised images are saved, as PNG."
    )
    flags.DEFINE_bool(
        "invert",
        False,
        "Invert the images of --input before and after denoising: for "
        "dark-on-light images and a model that is trained on light-on-dark "
        "images.",
    )
    flags.DEFINE_bool("overwrite", False, "Replace existing files in --output.")


def train_and_evaluate(
    *, data, run_directory, noise, noise_level, seed, **recipe
):
    """Trains a denoiser, and denoises the test images.

    Returns a dict of `model`, `history` and `results`.
    """
    from dlunits.tasks.denoising.train import (
        denoised_test_images,
        train_denoiser,
    )
    from dlunits.training.distribution import current

    options = {"noise": noise, "noise_level": noise_level, "seed": seed}
    model, history = current().train(
        lambda: train_denoiser(data, run_directory, **options, **recipe)
    )
    print("Fitting the best linear filter", flush=True)
    results = denoised_test_images(model, data, **options)
    return {"model": model, "history": history, "results": results}


def train(dataset, data_dir, workdir, export_dir, **recipe):
    """Trains, writes the report and exports; returns the exported folder."""
    from dlunits.data.images import image_datasets
    from dlunits.metrics import mean_image_quality
    from dlunits.tasks.denoising.report import write_denoising_report
    from dlunits.tasks.denoising.serve import export_denoiser
    from dlunits.training import RunDirectory, check_writable, format_path

    data = image_datasets.load(dataset, data_dir=data_dir)
    print(data.source, flush=True)
    recipe["batch_size"] = _main.limit_batch_size(
        recipe["batch_size"], len(data.train[0])
    )
    config = {"dataset": data.name, "data": data.fingerprint, **recipe}
    export_dir = format_path(export_dir, config)
    run_directory = RunDirectory(format_path(workdir, config), config)
    check_writable(export_dir)
    trained = train_and_evaluate(
        data=data, run_directory=run_directory, **recipe
    )

    noise = (
        f"{recipe['noise'].replace('_', '-')}, level {recipe['noise_level']:g}"
    )
    report = write_denoising_report(
        run_directory.path / "report.html",
        **trained,
        data=data,
        noise=noise,
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    metrics = mean_image_quality(trained["results"], data.test[0] / 255)
    version = export_denoiser(
        trained["model"],
        export_dir,
        data=data,
        noise=noise,
        metrics=metrics,
        command=COMMAND,
    )
    for name, mean in metrics.items():
        line = f"{mean['psnr']:.2f} dB, SSIM {mean['ssim']:.3f}"
        print(f"{name.capitalize() + ':':14} {line}")
    print(f"Report:        {report}")
    print(f"SavedModel:    {version}")
    use = shlex.join([f"--model={version}", "--output=denoised"])
    print(f"Use it:        {_main.program('denoising_mnist')} {use} IMAGE...")
    return version


def denoise(model, files, output, invert, overwrite):
    """Denoises image files, and returns whether all succeeded."""
    from dlunits.data.images.image_files import describe_bits
    from dlunits.paths import expand_user
    from dlunits.tasks.denoising.denoise_files import (
        denoise_files,
        load_denoiser,
    )

    denoiser = load_denoiser(model)
    done, folder = 0, expand_user(output)
    for result in denoise_files(
        denoiser, files, folder, invert=invert, overwrite=overwrite
    ):
        if result.problem:
            line = f"{result.file}: {result.problem}"
            print(line, file=sys.stderr, flush=True)
        else:
            done += 1
            bits = describe_bits(result.significant_bits)
            line = f"{result.file} -> {result.target}"
            print(f"{line} ({bits})" if bits else line, flush=True)
    print(f"Denoised:      {done} of {len(files)}")
    return done == len(files)


def run(model, input, output, invert, overwrite, images, **training):
    """Trains unless there is a model, denoises; returns the exit status."""
    paths = [*input, *images]
    if bool(paths) != bool(output) or (model and not paths):
        raise ValueError(
            "Images to denoise (--input=IMAGE_OR_FOLDER) and a folder for "
            "the results (--output=FOLDER) are needed together. Received: "
            f"--input={paths}, --output={output}"
        )
    from dlunits.data.images.image_files import find_image_files
    from dlunits.tasks.denoising.train import check_noise_level
    from dlunits.training import check_writable

    check_noise_level(training["noise"], training["noise_level"])
    files = find_image_files(paths) if paths else []
    if files and not model and not any(file.exists() for file in files):
        raise ValueError(f"No such image: {', '.join(map(str, files))}")
    if output:
        check_writable(output)
    model = model or train(**training)
    if not files:
        return 0
    return int(not denoise(model, files, output, invert, overwrite))


def check_flags(given):
    """Checks for flags that have no effect together with others."""
    _main.refuse_without(given, ["output"], ["invert", "overwrite"])
    idle = given - {"model", "input", "output", "invert", "overwrite"}
    _main.refuse_with(given, "model", idle, "nothing is trained")


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        positional="images",
        resumes=True,
        onednn=True,
    )
