"""The denoising app as a process: training, kill, resume, use of a model."""

import csv
import functools
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.denoising_mnist import NOISES, run
from dlunits.data.images import image_datasets
from dlunits.tasks.denoising import train

EPOCHS = 2
FLAGS = ("--dataset=digits", f"--epochs={EPOCHS}")
RUN = f"runs/denoising_digits_gaussian_0.5_{EPOCHS}_epochs_seed_0"
MODELS = "saved_models/denoiser_digits_gaussian_0.5"


@pytest.fixture(scope="module")
def app(run_app):
    """Runs the app to its end in a folder."""
    return functools.partial(run_app, "denoising_mnist.py")


def sentence(width=100):
    """A line of the embedded digits, light on black, and the same in noise."""
    images, _ = image_datasets.load("digits").test
    line = np.concatenate(images[: -(-width // 28), ..., 0], axis=1)
    line = line[:, :width] / 255
    noise = np.random.default_rng(0).normal(0, 0.5, line.shape)
    return line, np.clip(line + noise, 0, 1)


@pytest.fixture(scope="module")
def trained(app, tmp_path_factory):
    """Folder of an uninterrupted run that also denoised, and its process."""
    folder = tmp_path_factory.mktemp("trained")
    _, noisy = sentence()
    save(folder / "images/line.png", np.round(255 * noisy).astype("uint8"))
    process = app(folder, *FLAGS, "--input=images", "--output=denoised")
    assert process.returncode == 0, process.stderr
    return folder, process


def save(path, pixels, **options):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def last_lines(process):
    """Lines such as `Report: PATH`, as a dict."""
    lines = re.findall(r"^([A-Z][\w ]+): +(.*)$", process.stdout, re.M)
    return {name: value.strip() for name, value in lines}


def test_the_app_offers_every_type_of_noise():
    assert tuple(train.NOISES) == NOISES


# A whole run


def test_the_last_lines_are_quality_report_saved_model_and_usage(trained):
    folder, process = trained
    last = last_lines(process)
    psnr, ssim = (
        [
            float(re.search(pattern, last[name])[1])
            for name in ("Noisy", "Linear filter", "Denoiser")
        ]
        for pattern in (r"([\d.]+) dB", r"SSIM ([\d.]+)")
    )
    # Most pixels are 0. There, noise of deviation 0.5 that is clipped at 0
    # has half of its energy: 10 log10(2 / 0.5 ** 2) = 9.0 dB.
    assert psnr[0] == pytest.approx(9.0, abs=0.7)
    assert psnr == sorted(psnr)
    assert ssim == sorted(ssim)
    assert last["Report"] == f"{RUN}/report.html"
    assert last["SavedModel"] == f"{MODELS}/1"
    assert last["Use it"].startswith(
        f"python apps/denoising_mnist.py --model={MODELS}/1 --output="
    )
    assert (folder / last["SavedModel"] / "saved_model.pb").is_file()
    with (folder / RUN / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


def test_report_and_model_card_have_the_printed_quality(trained):
    folder, process = trained
    html = (folder / RUN / "report.html").read_text()
    card = json.loads((folder / MODELS / "1/model_card.json").read_text())
    for name in ("noisy", "linear filter", "denoiser"):
        psnr = card["metrics"][name]["psnr"]
        assert f"{psnr:.2f} dB" in last_lines(process)[name.capitalize()]
        shown = re.search(rf">{name}</th><td[^>]*>([\d.]+)<", html)[1]
        # The report rounds the mean to 2 digits, the card to 4.
        assert float(shown) == pytest.approx(psnr, abs=0.005 + 0.00005)
    assert card["noise"] == "gaussian, level 0.5"
    assert "denoising_mnist.py --dataset=digits" in html
    assert "scikit-learn&#39;s 1,797 handwritten digits" in html
    assert re.search(r"Duration</th><td>[\d.]+ (s|min)", html)


def test_images_are_denoised_after_training(trained):
    folder, process = trained
    clean, noisy = sentence()
    cleaned = read(folder / "denoised/line.png") / 255
    assert cleaned.shape == clean.shape
    error, before = (
        np.mean((image - clean) ** 2) for image in (cleaned, noisy)
    )
    assert error < before / 3
    assert "line.png -> denoised/line.png" in process.stdout
    assert last_lines(process)["Denoised"] == "1 of 1"


def test_a_killed_run_ends_like_an_uninterrupted_one(
    project, offline, app, trained, checkpoint, tmp_path
):
    history = tmp_path / RUN / "history.csv"
    killed = subprocess.Popen(
        [sys.executable, project / "apps/denoising_mnist.py", *FLAGS],
        cwd=tmp_path,
        env=offline,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = time.monotonic()
    while not history.exists():
        assert killed.poll() is None, "The run ended before it was killed."
        assert time.monotonic() - started < 300
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL

    resumed = app(tmp_path, *FLAGS)
    assert resumed.returncode == 0, resumed.stderr
    assert "Epoch 1/" not in resumed.stdout  # it resumed
    (text, arrays), (expected_text, expected) = (
        checkpoint(folder / RUN) for folder in (tmp_path, trained[0])
    )
    assert text == expected_text
    assert arrays.keys() == expected.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], expected[name], name)


# Own images and an existing model


@pytest.fixture(scope="module")
def cleaning(app, trained, tmp_path_factory):
    """Folder of images in several color modes, and the process."""
    folder = tmp_path_factory.mktemp("own")
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 4), "uint8")
    save(folder / "in/color.jpg", pixels[..., :3])
    save(folder / "in/scan.tiff", pixels[..., 0].astype("uint16") * 257)
    save(folder / "in/stamp.png", pixels[:9, :7])
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    save(folder / "in/turned.jpg", pixels[..., 0], exif=exif)
    (folder / "in/broken.png").write_text("no image")
    save(folder / "out/there.png", pixels)
    save(folder / "there.png", pixels)
    process = app(
        folder,
        f"--model={trained[0] / MODELS}",
        "--input=in",
        "--output=out",
        "there.png",
        "missing.png",
    )
    return folder, process


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("color", (60, 90, 3), "uint8"),
        ("scan", (60, 90), "uint16"),
        ("stamp", (9, 7, 4), "uint8"),
        ("turned", (90, 60), "uint8"),
    ],
)
def test_all_color_modes_keep_size_and_depth(cleaning, name, shape, dtype):
    folder, _ = cleaning
    pixels = read(folder / f"out/{name}.png")
    assert pixels.shape == shape
    assert pixels.dtype == dtype


def test_results_are_the_output_of_the_saved_model(cleaning, trained):
    folder, _ = cleaning
    model = tf.saved_model.load(str(trained[0] / MODELS / "1"))
    scan = read(folder / "in/scan.tiff").astype("float32") / 65_535
    expected = model.denoise(scan)["denoised"]
    np.testing.assert_allclose(
        read(folder / "out/scan.png") / 65_535, expected, atol=1e-4
    )


def test_bad_files_are_reported_and_the_others_denoised(cleaning):
    folder, process = cleaning
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    for name, message in {
        "in/broken.png": "is not an image, or has a format that Pillow",
        "missing.png": "no such file or directory",
        "there.png": "would replace out/there.png, which exists",
    }.items():
        [line] = [x for x in process.stderr.splitlines() if f"{name}: " in x]
        assert message in line
    assert last_lines(process)["Denoised"] == "4 of 7"
    assert "Epoch" not in process.stdout
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "color.png",
        "scan.png",
        "stamp.png",
        "there.png",
        "turned.png",
    ]


# Bad input


def test_invalid_flags_are_refused_in_one_line(project, tmp_path):
    for flags, message in {
        ("--noise=snow",): r"--noise=snow: .*gaussian\|masking\|salt",
        ("--noise_level=-1",): "--noise_level=-1: .*non-negative",
        ("--input=a.png",): r"^denoising_mnist.py: .*--output=FOLDER.*needed",
        ("--model=m",): "^denoising_mnist.py: .*are needed together",
        ("--overwrite",): "--overwrite has no effect without --output",
        (
            *("--model=m", "--input=a.png", "--output=o"),
            *("--seed=1", "--epochs=2"),
        ): "--epochs, --seed have no effect with --model: nothing is trained",
    }.items():
        process = subprocess.run(
            [sys.executable, project / "apps/denoising_mnist.py", *flags],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert process.returncode != 0
        assert "Traceback" not in process.stderr
        lines = process.stderr.splitlines()
        assert len([x for x in lines if re.search(message, x)]) == 1, lines


DEFAULTS = {
    "dataset": "digits",
    "data_dir": None,
    "noise": "gaussian",
    "noise_level": 0.5,
    "epochs": 1,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "patience": 1,
    "seed": 0,
    "workdir": "run",
    "export_dir": "models",
    "model": None,
    "input": [],
    "output": None,
    "invert": False,
    "overwrite": False,
    "images": [],
}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {
                "noise_level": 2.0,
                "noise": "masking",
                "output": "o",
                "input": ["a"],
            },
            r"`noise_level`.*rate=2\.0",
        ),
        ({"dataset": "mnits"}, "dataset='mnits'"),
        ({"workdir": "file"}, "'file'"),
        ({"export_dir": "file"}, "'file'"),
        ({"output": "file", "input": ["file"]}, "'file'"),
        ({"output": "o", "input": ["gone"]}, "No such image: gone"),
        ({"output": "o", "input": ["empty"]}, "No files in empty"),
        ({"model": "gone", "output": "o", "input": ["a.png"]}, "No SavedMo"),
    ],
)
def test_invalid_input_is_refused_before_training(
    flags, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "empty").mkdir()
    with pytest.raises((ValueError, OSError), match=message):
        run(**DEFAULTS | flags)
    assert not list(tmp_path.rglob("checkpoint.npz"))
    assert not list(tmp_path.rglob("saved_model.pb"))
    if "input" in flags and "model" not in flags:  # before a folder is made
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"file", "empty"}
