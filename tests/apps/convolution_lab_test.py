"""The convolution lab as an app: runs, own models and bad input."""

import csv
import functools
import html
import json
import re
import signal
import warnings
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

from tests.tasks.lab.index_page_test import shown_units

EPOCHS = 2
FLAGS = ("--data=letters", f"--epochs={EPOCHS}", "--batch_size=8", "--seeds=2")
RUN = f"runs/convolution_lab_letters_{EPOCHS}_epochs_seed_0"
SECTIONS = [
    "FCNN and CNN at equal parameters",
    "Accuracy under shifts",
    "Weight sharing",
    "Output size: kernel, stride, padding, dilation",
    "Multichannel convolution as a sum",
    "3-D convolution",
    "Parts of a CNN and their feature maps",
]


def save_letters(folder):
    """Two classes of 16 images each: an upright and a flat bar."""
    rng = np.random.default_rng(0)
    for name, turned in (("é upright", False), ("flat", True)):
        (folder / name).mkdir(parents=True)
        for number in range(16):
            pixels = rng.integers(0, 30, (28, 28)).astype("uint8")
            pixels[6:22, 12:15] = 220
            image = Image.fromarray(pixels.T if turned else pixels)
            image.save(folder / name / f"{number}.png")


@pytest.fixture(scope="module")
def app(run_app):
    return functools.partial(run_app, "convolution_lab.py")


@pytest.fixture(scope="module")
def ran(app, tmp_path_factory):
    """A run on a folder of images, killed and started again.

    Folder, process, and the files that were there when it was killed with
    their times of change.
    """
    folder = tmp_path_factory.mktemp("ran")
    save_letters(folder / "letters")
    photo = Image.new("RGB", (40, 30), (0, 90, 200))
    photo.convert("CMYK").save(folder / "фото.jpg")
    pattern = f"{RUN}/finished/*.npz"
    killed = app(folder, *FLAGS, kill_when=pattern)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    saved = {path: path.stat().st_mtime_ns for path in folder.glob(pattern)}
    process = app(folder, *FLAGS, "--image=фото.jpg")
    assert process.returncode == 0, process.stderr
    return folder, process, saved


@pytest.fixture(scope="module")
def page(ran):
    folder, _, _ = ran
    return html.unescape((folder / RUN / "report.html").read_text())


def read_table(folder, name):
    with (folder / RUN / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_run_prints_accuracies_verdicts_and_paths(ran):
    _, process, _ = ran
    for network in ("FCNN", "LeNet-5", "CNN, global pooling"):
        assert re.search(rf"^{network} +\d+\.\d", process.stdout, re.M)
    for title in SECTIONS:
        verdict = rf"^{title}: (holds|did not hold) here$"
        assert re.search(verdict, process.stdout, re.M), title
    assert process.stdout.endswith(
        f"Report: {RUN}/report.html\nTables: {RUN}/*.csv\n"
    )
    assert "FCNN and CNN: 100%" in process.stderr


def test_each_section_states_a_claim_and_what_was_measured(page):
    for title in SECTIONS:
        _, _, section = page.partition(f">{title}</h2>")
        section = section.partition("</section>")[0]
        assert "<p>Claim: " in section, title
        assert re.search(r"<p>Measured: .+ The claim .+ here\.</p>", section)
    assert "Feature maps of фото.jpg" in page
    assert 'href="convolution_steps.html"' in page


def test_the_recorded_convolution_fits_a_mail(ran):
    folder, _, _ = ran
    assert (folder / RUN / "convolution_steps.html").stat().st_size < 1e6


def test_the_report_shows_the_units_of_the_index(ran):
    folder, _, _ = ran
    assert shown_units(folder / RUN / "report.html", "convolution") == [
        "Convolution, stride, padding; output size",
        "Convolution types",
        "Weight sharing; FCNN vs CNN",
        "CNN parts",
    ]


def test_every_number_is_in_a_table(ran):
    folder, _, _ = ran
    networks, seeds = 3, 2
    assert len(read_table(folder, "networks.csv")) == networks * seeds
    # One unshifted test set, and 6 shifts in 8 directions.
    assert len(read_table(folder, "shifts.csv")) == networks * seeds * 49
    history = read_table(folder, "history.csv")
    assert len(history) == networks * seeds * EPOCHS + 2 * seeds * 4
    assert {row["network"] for row in history} >= {"volume", "mean image"}
    assert len(read_table(folder, "motion.csv")) == 2 * seeds
    sums = read_table(folder, "convolution_sum.csv")
    assert len(sums) == 25 + 150 + 27  # C1, C3 and a 3-D convolution
    for name in ("layers.csv", "weight_sharing.csv"):
        assert {row["model"] for row in read_table(folder, name)} >= {"LeNet-5"}
    [c1] = [
        row
        for row in read_table(folder, "weight_sharing.csv")
        if row["layer"] == "c1"
    ]
    assert (c1["weights"], c1["connections"]) == ("156", "122304")


def code_of(page, network):
    """Keras code of a network in the report."""
    found = re.search(
        rf"<summary>{network}</summary>\s*<pre><code>(.+?)</code>", page, re.S
    )
    return found[1]


def test_the_keras_code_gets_the_losses_of_the_run(
    ran, page, monkeypatch, capsys
):
    folder, _, _ = ran
    monkeypatch.chdir(folder / RUN)
    namespace = {}
    exec(code_of(page, "FCNN"), namespace)  # noqa: S102
    losses = [
        float(row["loss"])
        for row in read_table(folder, "history.csv")
        if (row["network"], row["seed"]) == ("FCNN", "0")
    ]
    assert len(losses) == EPOCHS
    np.testing.assert_allclose(namespace["losses"], losses, rtol=1e-4)


def test_a_killed_run_resumes_from_the_last_finished_training(ran):
    folder, _, saved = ran
    finished = list((folder / RUN / "finished").iterdir())
    assert len(finished) == 3 * 2 * 2 + 2 * 2  # motion has no accuracies
    assert 0 < len(saved) < len(finished)
    assert {path: path.stat().st_mtime_ns for path in saved} == saved


def test_an_own_model_is_compared_with_a_dense_network(ran, app):
    folder, _, _ = ran
    model = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            keras.layers.Conv2D(2, 9, strides=3, name="mine"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(2),  # logits
        ]
    )
    model.save(folder / "my model.keras")
    process = app(
        folder,
        *("--data=letters", "--epochs=1", "--seeds=1", "--workdir=own"),
        "--model=my model.keras",
    )
    assert process.returncode == 0, process.stderr
    assert re.search(r"^own model +\d+\.\d %", process.stdout, re.M)
    assert "LeNet-5" not in process.stdout
    page = html.unescape((folder / "own/report.html").read_text())
    assert "floor((28 + 2*0 - 9) / 3) + 1 = 7" in page
    code = code_of(page, "own model")
    assert 'load_model("own_model.keras")' in code
    assert (folder / "own/own_model.keras").is_file()
    assert "from_logits=True" in code


def lambda_model(path):
    keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Lambda(lambda x: x)]
    ).save(path)


def impossible_model(path):
    """A model whose kernel is larger than its padded input."""
    fits = path.with_name("fits.keras")
    keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(1, 28, name="big"),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    ).save(fits)
    with zipfile.ZipFile(fits) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                text = json.dumps(json.loads(content))
                content = text.replace("[28, 28]", "[29, 29]").encode()
                assert b"[29, 29]" in content
            new.writestr(name, content)


OWN = "convolution_lab.py: "
BAD = {
    "no seed": (["--seeds=0"], "flag --seeds=0"),
    "too many seeds": (["--seeds=1000"], "flag --seeds=1000"),
    "a table": (["--data=table.csv"], "--data must be a folder"),
    "no folder": (["--data=nowhere"], "nowhere: no such file or folder"),
    "a data set beside --data": (
        ["--data=letters", "--dataset=digits"],
        "--dataset has no effect with --data",
    ),
    "a Lambda layer": (
        ["--data=letters", "--model=lambda.keras"],
        "lambda.keras: has a Lambda layer",
    ),
    "a kernel larger than the padded input": (
        ["--data=letters", "--model=impossible.keras"],
        "impossible.keras: cannot be loaded: .*zero or negative",
    ),
    "an unbuilt model": (
        ["--data=letters", "--model=unbuilt.keras"],
        "unbuilt.keras: has no input shape",
    ),
    "an image of a pixel": (
        ["--data=letters", "--image=pixel.png"],
        "pixel.png: has 1x1 pixels",
    ),
    "an animation": (
        ["--data=letters", "--image=moving.gif"],
        "moving.gif: contains 2 images",
    ),
}


@pytest.fixture(scope="module")
def bad_files(ran):
    folder, _, _ = ran
    (folder / "table.csv").write_text("a,b\n1,2\n")
    lambda_model(folder / "lambda.keras")
    impossible_model(folder / "impossible.keras")
    unbuilt = keras.Sequential([keras.layers.Conv2D(1, 3)])
    with warnings.catch_warnings(action="ignore"):  # it is not built
        unbuilt.save(folder / "unbuilt.keras")
    Image.new("L", (1, 1)).save(folder / "pixel.png")
    frames = [Image.new("L", (40, 40), color) for color in (0, 255)]
    frames[0].save(
        folder / "moving.gif", save_all=True, append_images=frames[1:]
    )
    return folder


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name, app, bad_files, assert_refused):
    flags, message = BAD[name]
    assert_refused(app(bad_files, *flags), message, OWN)
