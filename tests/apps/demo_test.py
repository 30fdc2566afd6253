"""The page of `apps/demo.py` in a real browser.

All tests share one process of the app and one page of the browser. The last
one checks the addresses of all requests that the browser made.
"""

import csv
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image, ImageDraw
from sklearn.datasets import load_breast_cancer

pytest.importorskip(
    "gradio",
    reason="Gradio is not installed: make test runs this in an environment of "
    "its own",
)
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
)

from dlunits.demo import (  # noqa: E402
    anomaly_tab,
    digit_tab,
    latent_tab,
    text_tab,
)
from dlunits.demo.model_folder import TRAINED_BY, ModelFolder  # noqa: E402
from dlunits.demo.page import TABS, build_page  # noqa: E402
from dlunits.demo.tab_parts import digit_reader  # noqa: E402
from dlunits.tasks.gan.generate import load_generator  # noqa: E402
from dlunits.tasks.text.generate import TextGenerator  # noqa: E402

PROJECT = pathlib.Path(__file__).parents[2]
SHIPPED = PROJECT / "saved_models"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
START_SECONDS = 300  # on a busy machine
TIMEOUT = 120_000  # milliseconds, of an answer

# Corners of the strokes of a 3, on a canvas of 280 pixels.
THREE = [
    *((80, 70), (110, 45), (160, 45), (190, 80), (170, 120), (130, 135)),
    *((175, 150), (200, 190), (170, 235), (110, 240), (75, 210)),
]


@pytest.fixture(scope="module")
def address():
    """Address of the page of a running app."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, PROJECT / "apps/demo.py", f"--port={port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A share link, requested by the environment, would be public.
        env={**os.environ, "GRADIO_SHARE": "True"},
    )
    with process:
        line = process.stdout.readline()
        if line != f"Page: http://127.0.0.1:{port}/\n":
            process.kill()
            pytest.fail(f"{line}{process.communicate()[1]}")
        yield f"http://127.0.0.1:{port}/"
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in output + errors


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip(
            "chromium is not installed (Debian: apt install chromium); or name "
            "it in the variable CHROMIUM"
        )
    with sync_api.sync_playwright() as playwright:
        # The sandbox of the browser does not work for root, as in CI.
        flags = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=flags
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def requests():
    """Addresses of all requests of the browser."""
    return []


@pytest.fixture(scope="module")
def page(browser, address, requests):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT)
    sync_api.expect.set_options(timeout=TIMEOUT)
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket: requests.append(socket.url))
    page.goto(address)
    return page


def open_tab(page, name):
    tab = page.get_by_role("tab", name=name, exact=True)
    more = page.get_by_label("More tabs")
    tab.or_(more).filter(visible=True).first.wait_for()
    if not tab.is_visible():  # on a narrow page, in a menu
        more.filter(visible=True).click()
        item = page.locator(".overflow-dropdown button", has_text=name)
        tab = tab.or_(item).filter(visible=True).first
    tab.click()


def close_message(page):
    page.get_by_test_id("toast-close").first.click()


def remove(page, component):
    """Removes the file that a component shows."""
    button = page.locator(component).get_by_label(re.compile("Remove|Clear"))
    button.first.click()


def test_a_three_that_is_drawn_is_read(page):
    canvas = page.locator("#drawing canvas")
    box = canvas.bounding_box()
    scale = box["width"] / 280
    points = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in THREE]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
    sync_api.expect(page.locator("#digit h2")).to_have_text("3")
    # The input, 6 maps of C1 and 16 of C3.
    sync_api.expect(page.locator("#seen img")).to_have_count(1 + 6 + 16)


def test_a_digit_is_drawn_with_the_keyboard(page):
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Enter")
    page.locator("#drawing canvas").focus()
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    sync_api.expect(page.locator("#digit h2")).to_have_text("1")


def test_tabs_are_chosen_with_the_keyboard(page):
    page.get_by_role("tab", name="Photo").focus()
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#photo")).to_be_visible()


def test_several_digits_of_a_photo_are_read(page, tmp_path):
    """Two digits on one line, drawn with a pen."""
    photo = Image.new("L", (400, 200), 235)
    pen = ImageDraw.Draw(photo)
    pen.line([(90, 50), (90, 150)], 30, 12)
    pen.line([(x + 180, y // 2 + 40) for x, y in THREE], 30, 12, "curve")
    photo.save(tmp_path / "digits.png")
    open_tab(page, "Photo")
    page.set_input_files("#photo input[type=file]", tmp_path / "digits.png")
    page.get_by_role("button", name="Read the photo").click()
    text = page.locator("#photo_text textarea, #photo_text input")
    sync_api.expect(text).to_have_value("13")
    sync_api.expect(page.locator("#photo_boxes img")).to_be_visible()
    remove(page, "#photo")


def test_a_photo_without_a_digit_is_refused(page, tmp_path):
    open_tab(page, "Photo")
    Image.new("L", (60, 60), 200).save(tmp_path / "blank.png")
    page.set_input_files("#photo input[type=file]", tmp_path / "blank.png")
    page.get_by_role("button", name="Read the photo").click()
    message = page.get_by_text("is blank: no ink stands out")
    sync_api.expect(message).to_be_visible()
    close_message(page)


def test_a_point_of_the_plane_is_decoded(page):
    open_tab(page, "Latent plane")
    decoded = page.locator("#decoded figcaption")
    sync_api.expect(decoded).to_have_text("decoder of (0, 0)")
    plane = page.locator("#plane img")
    box = plane.bounding_box()
    plane.click(position={"x": 1, "y": box["height"] - 1})
    sync_api.expect(decoded).to_have_text(re.compile(r"\(-(3|2\.9\d*), -"))
    slider = page.locator("input[type=range]:visible").first
    slider.focus()
    page.keyboard.press("End")
    sync_api.expect(decoded).to_have_text(re.compile(r"\(3, -"))


def test_digits_of_a_class_are_generated(page):
    open_tab(page, "GAN")
    page.get_by_label("Number of images").first.fill("7")
    page.locator("#label").get_by_label("4").check()
    page.get_by_role("button", name="Generate").click()
    captions = page.locator("#generated figcaption")
    sync_api.expect(captions).to_have_text(["4"] * 7)


def test_an_image_is_denoised(page):
    open_tab(page, "Denoise")
    page.get_by_role("button", name="Denoise").click()
    captions = page.locator("#denoised figcaption")
    sync_api.expect(captions).to_have_count(3)
    noisy, denoised = (
        float(re.search(r"PSNR (\S+) dB", captions.nth(i).inner_text())[1])
        for i in (1, 2)
    )
    assert denoised > noisy + 5


def continue_text(page, length):
    """Starts a text, and waits until a part of it is on the page."""
    open_tab(page, "Text")
    page.get_by_label("Number of characters").first.fill(str(length))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_function(
        """end => {
            const text = document.querySelector("#text textarea").value;
            return text.length > 7 && text.length < end;
        }""",
        arg=length // 2,
    )
    return page.locator("#text textarea")


def test_text_is_streamed(page):
    text = continue_text(page, 1000)
    sync_api.expect(text).to_have_value(re.compile(r"^ROMEO:\n.{1000}$", re.S))
    shares = page.locator("#next_characters").get_by_text("%")
    assert 1 <= shares.count() <= 10


def test_a_text_is_stopped(page):
    text = continue_text(page, 5000)
    page.get_by_role("button", name="Stop").click()
    lengths, end = [], time.monotonic() + 60
    while len(set(lengths[-3:])) != 1 or len(lengths) < 3:
        assert time.monotonic() < end, lengths
        page.wait_for_timeout(1000)
        lengths.append(len(text.input_value()))
    assert lengths[-1] < 5000


def write_tumors(path):
    """20 benign tumors; the one in line 9 has another area."""
    data = load_breast_cancer()
    rows = data.data[data.target == 1][-20:]
    area = list(data.feature_names).index("mean area")
    rows[7, area] *= 9
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(data.feature_names)
        writer.writerows(rows)


def test_a_planted_anomaly_is_ranked_first(page, tmp_path):
    open_tab(page, "Anomalies")
    write_tumors(tmp_path / "tumors.csv")
    page.set_input_files("#table input[type=file]", tmp_path / "tumors.csv")
    first = page.locator("#ranking ol > li").first
    sync_api.expect(first).to_contain_text("line 9: anomalous")
    sync_api.expect(first).to_contain_text("mean area")
    with page.expect_download() as download:
        page.locator("#scored").click()
    with pathlib.Path(download.value.path()).open(newline="") as file:
        flags = [row["is_anomaly"] for row in csv.DictReader(file)]
    assert flags == ["false"] * 7 + ["true"] + ["false"] * 12


def test_a_parquet_file_is_scored(page, tmp_path):
    open_tab(page, "Anomalies")
    write_tumors(tmp_path / "tumors.csv")
    table = pyarrow.csv.read_csv(tmp_path / "tumors.csv")
    pyarrow.parquet.write_table(table, tmp_path / "tumors.parquet")
    remove(page, "#table")
    page.set_input_files("#table input[type=file]", tmp_path / "tumors.parquet")
    first = page.locator("#ranking ol > li").first
    sync_api.expect(first).to_contain_text("row 8: anomalous")
    with page.expect_download() as download:
        page.locator("#scored").click()
    scored = pyarrow.parquet.read_table(download.value.path())
    flags = scored["is_anomaly"].to_pylist()
    assert flags == [False] * 7 + [True] + [False] * 12


def test_a_broken_table_shows_its_message(page, tmp_path):
    open_tab(page, "Anomalies")
    write_tumors(tmp_path / "tumors.csv")
    lines = (tmp_path / "tumors.csv").read_text().splitlines()
    lines[4] = "<img src=x onerror=alert(1)>" + lines[4][4:]
    (tmp_path / "broken.csv").write_text("\n".join(lines))
    remove(page, "#table")
    page.set_input_files("#table input[type=file]", tmp_path / "broken.csv")
    message = page.get_by_test_id("toast-body")
    sync_api.expect(message).to_contain_text("line 5")
    sync_api.expect(message).to_contain_text("<img src=x onerror=alert(1)>")
    close_message(page)


@pytest.mark.parametrize("name", TABS)
def test_the_page_fits_a_phone(page, name):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)  # the tabs are laid out again
    open_tab(page, name)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_no_request_leaves_this_computer(page, address, requests):
    page.wait_for_timeout(1000)
    hosts = {
        urllib.parse.urlsplit(url).netloc
        for url in requests
        if not url.startswith(("data:", "blob:"))
    }
    assert hosts == {urllib.parse.urlsplit(address).netloc}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The models, behind a process of `apps/serve.py`."""
    pytest.importorskip("kserve", reason="KServe is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("served") / "log"
    models = ModelFolder(SHIPPED, f"http://127.0.0.1:{port}")
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, PROJECT / "apps/serve.py", f"--port={port}"],
            stdout=file,
            stderr=file,
            cwd=PROJECT,
        )
    with process:
        end = time.monotonic() + START_SECONDS
        while any(models.problem(name) for name in TRAINED_BY):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.5)
        yield models
        process.send_signal(signal.SIGTERM)


def test_a_server_gives_the_answers_of_the_models(served, tmp_path):
    shipped = ModelFolder(SHIPPED)
    drawing = np.full((280, 280), 255, "uint8")
    drawing[60:220, 130:150] = 0
    write_tumors(tmp_path / "tumors.csv")

    def answers(models):
        reader = models.use("lenet_mnist", digit_reader)
        probabilities, _ = digit_tab.read_digit(reader, drawing)
        detector, rate = models.use("anomaly_wdbc", anomaly_tab.load_served)
        table, output = tmp_path / "tumors.csv", tmp_path / "scored.csv"
        generator = models.use("text_tiny_shakespeare", TextGenerator)
        *_, (text, next_tokens) = text_tab.stream_text(
            generator, "JULIET:", 8, 0, 0.8, 0, 1.0
        )
        return {
            "digit": probabilities,
            "rows": anomaly_tab.score_file(detector, rate, table, output),
            "plane": latent_tab.decode_points(
                models.model("vae_mnist"), [[0, 1]]
            ),
            "gan": models.use("gan_mnist", load_generator)(2, 0, 3),
            "text": text,
            "next": next_tokens,
        }

    expected, found = answers(shipped), answers(served)
    assert found["rows"] == expected["rows"]
    assert found["text"] == expected["text"]
    for key in ("digit", "next"):
        assert found[key] == pytest.approx(expected[key], abs=1e-5)
    for key in ("plane", "gan"):
        np.testing.assert_allclose(found[key], expected[key], atol=1e-5)


def test_a_tab_names_the_command_that_trains_its_missing_model(tmp_path):
    page = build_page(ModelFolder(tmp_path))
    values = [str(getattr(b, "value", "")) for b in page.blocks.values()]
    commands = [value for value in values if "--export_dir=" in value]
    assert len(commands) == len(TABS)
    assert any("dlunits gan_mnist --dataset=mnist" in c for c in commands)
