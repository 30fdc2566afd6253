"""Report of small autoencoders of digits."""

import dataclasses
import re

import keras
import numpy as np
import pytest

from dlunits.data.images import image_datasets
from dlunits.models import (
    dense_autoencoder,
    dense_variational_autoencoder,
    pca_autoencoder,
)
from dlunits.tasks.autoencoders.evaluate import evaluate_autoencoder
from dlunits.tasks.autoencoders.report import (
    first_images,
    first_kernel,
    interpolate,
    samples,
    write_autoencoder_report,
)

SEED = 3
FEW = [{"labels": 100, "pretrained": 0.123, "scratch": 0.234}]


@pytest.fixture(scope="module")
def data():
    """Digits reduced to 7x7 pixels, for speed."""
    full = image_datasets.load("digits")

    def small(part):
        images, labels = part
        blocks = images.reshape(len(images), 7, 4, 7, 4, 1)
        return blocks.mean(axis=(2, 4)).astype("uint8"), labels

    return dataclasses.replace(
        full,
        train=small(full.train),
        validation=small(full.validation),
        test=small(full.test),
    )


@pytest.fixture(scope="module")
def results(data):
    """PCA, an autoencoder trained for 2 epochs, and an untrained one."""
    keras.utils.set_random_seed(0)
    images = data.train[0] / np.float32(255)
    wide = dense_autoencoder(
        (7, 7, 1), 60, code_activation="sigmoid", tied=True
    )
    wide.compile("adam", "mse")
    histories = {"wide": wide.fit(images, epochs=2, verbose=0).history}
    models = {
        "PCA": pca_autoencoder(images, latent_dim=8),
        "wide": wide,
        "VAE": dense_variational_autoencoder((7, 7, 1), 2, (12,)),
    }
    return {
        name: {
            "model": model,
            "history": histories.get(name, {}),
            "metrics": {
                **evaluate_autoencoder(model, data, SEED),
                "few_labels": FEW,
            },
        }
        for name, model in models.items()
    }


def written(path, results, data, names):
    """Text of the report, its key figures, and the texts of its images."""
    report = write_autoencoder_report(
        path,
        results={name: results[name] for name in names},
        data=data,
        command="python apps/autoencoder_mnist.py --autoencoder=wide",
        seconds=75,
        seed=SEED,
    )
    assert report == path
    html = report.read_text(encoding="utf-8")
    summary = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    return html, dict(summary), re.findall(r'alt="([^"]*)"', html)


@pytest.fixture(scope="module")
def page(results, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    return written(folder / "report.html", results, data, ["PCA", "wide"])


def test_the_summary_is_that_of_the_trained_one(page, results):
    _, summary, _ = page
    metrics = results["wide"]["metrics"]
    assert summary == {
        "Code": "overcomplete",  # 60 units for 7 * 7 pixels
        "Latent dimensions": "60 for 49 pixels",
        "Mean squared error per pixel": f"{metrics['mse']:.4g}",
        "Bits per pixel": f"{metrics['bits_per_pixel']:.4g}",
        "Accuracy of a linear probe": f"{100 * metrics['linear_probe']:.1f}%",
        "Parameters": "3,049",  # 49 * 60 + 60 + 49, the kernel tied
        "Epochs": "2",
        "Training images": "1,372",
        "Test images": "300",
    }


def test_the_sections_are_in_order(page):
    html, _, _ = page
    assert "<h1>Wide autoencoder on digits</h1>" in html
    assert re.findall(r"<h2.*?>(.*?)</h2>", html) == [
        "Training",
        "Features and interpolation",
        "Reconstruction and compression",
        "Code",
        "Classification and clustering",
        "Anomaly detection and denoising",
        "Few labels",
        "Encoder",
        "Decoder",
        "Run details",
    ]
    assert "1 min 15 s" in html
    assert "apps/autoencoder_mnist.py --autoencoder=wide" in html


def test_the_figures_are_in_order(page):
    _, _, images = page
    starts = [
        "Training curves, 2 epoch(s)",
        "Weights of 40 of 60 units",
        "Rows of 10 images: 0 to 1, 2 to 3, 4 to 5, 6 to 7, 8 to 9.",
        "Rows of 10 images: original, PCA, wide.",
        "PSNR against bits per pixel: PCA, wide.",
        "300 codes in the plane, colored by class: PCA, wide.",
        "Rows of 10 images: PCA, wide.",
    ]
    for image, start in zip(images, starts, strict=True):
        assert image.startswith(start)


def test_the_tables_include_pca(page, results):
    html, _, _ = page
    rows = re.findall(r'<tr><th scope="row">(PCA|wide)</th>(.*?)</tr>', html)
    cells = [
        (name, re.findall(r"<td.*?>(.*?)</td>", row)) for name, row in rows
    ]
    assert [name for name, _ in cells] == 5 * ["PCA", "wide"]
    error = results["PCA"]["metrics"]["mse"]
    assert cells[0][1][:3] == ["8", "undercomplete", f"{error:.4g}"]
    assert cells[1][1][:2] == ["60", "overcomplete"]
    auc = results["PCA"]["metrics"]["anomaly_auc"]
    assert cells[6][1][0] == f"{auc:.4g}"
    assert cells[8][1] == ["12.3", "23.4"]


def test_several_autoencoders_are_compared_without_details(
    results, data, tmp_path
):
    both = {
        **results,
        "VAE": {**results["VAE"], "history": {"loss": [1.0], "kl": [2.0]}},
    }
    html, summary, images = written(
        tmp_path / "report.html", both, data, ["PCA", "wide", "VAE"]
    )
    assert "<h1>Autoencoders on digits</h1>" in html
    assert summary == {"Training images": "1,372", "Test images": "300"}
    assert images[0] == "Rows of 10 images: original, PCA, wide, VAE."
    assert len(images) == 4
    assert "Encoder</h2>" not in html


def test_there_is_one_image_of_each_class(data):
    examples = first_images(data)
    assert list(examples) == list("0123456789")
    for name, image in examples.items():
        first = next(i for i, k in enumerate(data.test[1]) if k == int(name))
        np.testing.assert_allclose(image, data.test[0][first] / 255, 1e-6)


def test_classes_without_a_test_image_are_left_out(data):
    images, labels = data.test
    kept = np.isin(labels, [3, 7, 8])
    fewer = dataclasses.replace(data, test=(images[kept], labels[kept]))
    assert list(first_images(fewer)) == ["3", "7", "8"]


def test_interpolations_run_from_one_image_to_the_other(results, data):
    model, examples = results["PCA"]["model"], first_images(data)
    lines = interpolate(model, {n: examples[n] for n in "378"})
    assert list(lines) == ["3 to 7"]  # 8 has no partner
    line = lines["3 to 7"]
    assert line.shape == (10, 7, 7, 1)
    np.testing.assert_allclose(
        line[[0, -1]],
        model.reconstruct(np.stack([examples["3"], examples["7"]])),
        atol=1e-5,
    )
    # The decoder of PCA is linear, and so is the interpolation.
    steps = np.diff(line, axis=0)
    np.testing.assert_allclose(
        steps, np.repeat(steps[:1], 9, axis=0), atol=1e-5
    )


def test_samples_have_the_mean_and_the_covariance_of_the_codes(data):
    class Identity:
        """An autoencoder whose code is the image."""

        def encode(self, x, batch_size=None):
            return x.reshape(len(x), 49)[:, 20:23]

        def decode(self, codes):
            return codes

    rows = np.concatenate(
        [samples(Identity(), data, seed) for seed in range(300)]
    )
    code = data.train[0].reshape(-1, 49)[:, 20:23] / 255
    # 3,000 samples: standard errors of a mean below 0.01
    np.testing.assert_allclose(rows.mean(axis=0), code.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(rows.T), np.cov(code.T), atol=0.02)


def test_a_variational_autoencoder_is_sampled_from_its_prior(results, data):
    model = results["VAE"]["model"]
    np.testing.assert_array_equal(
        samples(model, data, seed=5), model.sample(10, seed=5)
    )


def test_filters_are_those_of_the_first_layer(results):
    for name in ("wide", "VAE"):
        model = results[name]["model"]
        kernel = first_kernel(model)
        assert kernel.shape == (49, {"wide": 60, "VAE": 12}[name])
        np.testing.assert_array_equal(kernel, model.get_weights()[0])
