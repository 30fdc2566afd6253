"""The recognition app as a process: image formats and bad files."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from benchmarks.paper_photos import photograph

# One of each of scikit-learn's digits, legible with any pen.
WELL_WRITTEN = (0, 11, 22, 13, 4, 15, 16, 7, 8, 9)
TURNED_LEFT = 6  # EXIF orientation: turn by 90 degrees clockwise to view

# File -> the digit on it.
GOOD = {
    "thin.png": 0,
    "thick.jpg": 3,
    "shadow.webp": 0,
    "chalk.bmp": 4,
    "corner.tiff": 2,
    "large.jpg": 8,
    "tiny.gif": 6,
    "scan16.png": 0,
    "transparent.png": 6,
    "turned.jpg": 3,
}

# File -> message.
BAD = {
    "empty.png": "is empty",
    "text.png": "is not an image",
    "folder.png": "is a directory",
    "blank.png": "is blank",
    "huge.png": "has 50.0 megapixels, at most 40",
    "cut.png": "is damaged",
    "missing.png": "no such file",
}


def run(project, *arguments, **options):
    return subprocess.run(
        [sys.executable, project / "apps/recognize_digits.py", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


def page_with(number, **drawing):
    digit = load_digits().images[WELL_WRITTEN[number]] / 16
    return photograph(digit, np.random.default_rng(number), **drawing)


def draw_good(folder):
    """Saves the files of `GOOD`."""

    def save(page, name, **options):
        Image.fromarray(page).save(folder / name, **options)

    save(page_with(0, pen=0.05, texture=0.02), "thin.png")
    save(page_with(3, pen=0.15, gradient=0.5), "thick.jpg")
    save(page_with(0, shadow=0.4, texture=0.02, specks=5), "shadow.webp")
    save(255 - page_with(4), "chalk.bmp")
    save(page_with(2, page=(300, 500), center=(0.3, 0.7)), "corner.tiff")
    save(page_with(8, page=(2400, 3200), height=1500), "large.jpg")
    save(page_with(6, page=(16, 14), height=14, pen=0.15), "tiny.gif")
    save(page_with(0).astype("uint16") * 257, "scan16.png")
    alpha = 255 - page_with(6, paper=1.0, ink=0.0)
    save(np.stack([0 * alpha] * 3 + [alpha], axis=-1), "transparent.png")
    exif = Image.Exif()
    exif[0x0112] = TURNED_LEFT
    save(np.rot90(page_with(3)), "turned.jpg", exif=exif)


def draw_bad(folder):
    """Saves the files of `BAD`, except the missing one."""
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no image")
    (folder / "folder.png").mkdir()
    Image.new("L", (300, 200), 230).save(folder / "blank.png")
    Image.new("1", (10_000, 5_000)).save(folder / "huge.png")
    whole = (folder / "thin.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])


@pytest.fixture(scope="module")
def results(project, tmp_path_factory):
    """Process over all files, and the results by file name."""
    folder = tmp_path_factory.mktemp("images")
    draw_good(folder)
    draw_bad(folder)
    process = run(project, "--json", *GOOD, *BAD, cwd=folder)
    answers = {a["file"]: a for a in json.loads(process.stdout)}
    return process, answers


@pytest.mark.parametrize("name", GOOD)
def test_digits_in_all_common_formats_are_recognized(results, name):
    _, answers = results

    assert answers[name]["digit"] == GOOD[name]
    assert answers[name]["confidence"] == max(answers[name]["scores"])
    # The rest is the probability that it is not a digit.
    assert 0.5 < sum(answers[name]["scores"]) < 1 + 1e-6


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_reported_in_one_line(results, name):
    process, answers = results

    assert BAD[name] in answers[name]["error"]
    lines = [x for x in process.stderr.splitlines() if name in x]
    assert lines == [f"{name}: {answers[name]['error']}"]


def test_bad_files_give_exit_status_1_without_traceback(results):
    process, answers = results

    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert list(answers) == [*GOOD, *BAD]


def test_one_line_per_file_and_exit_status_0(project, tmp_path):
    Image.fromarray(page_with(0)).save(tmp_path / "zero.png")
    process = run(project, "zero.png", cwd=tmp_path)

    assert process.returncode == 0
    assert process.stdout.startswith("zero.png: 0 (")
    assert len(process.stdout.splitlines()) == 1


def test_several_digits_are_one_line_and_another_shape_a_question_mark(
    project, tmp_path
):
    page = np.concatenate([page_with(3), page_with(2)], axis=1)
    Image.fromarray(page).save(tmp_path / "two.png")
    process = run(project, "two.png", cwd=tmp_path)
    assert process.returncode == 0
    assert process.stdout.startswith("two.png: 32 (lowest probability: ")
    page[30:210:12, 20:220] = page[30:210, 20:220:40] = 30
    Image.fromarray(page).save(tmp_path / "one.png")
    process = run(project, "one.png", cwd=tmp_path)
    assert process.returncode == 1
    assert process.stdout.startswith("one.png: ?2 (")
    assert process.stderr == "one.png: 1 of 2 is probably not a digit\n"


def test_a_missing_model_is_refused_in_one_line(project, tmp_path):
    process = run(project, f"--model={tmp_path}", "zero.png", cwd=tmp_path)

    assert process.returncode == 1
    assert f"No SavedModel in {tmp_path}" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_damaged_model_is_refused_in_one_line(project, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    process = run(project, f"--model={tmp_path}", "any.png")
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert (
        f"The SavedModel in {tmp_path} is damaged"
        in process.stderr.splitlines()[-1]
    )
