"""Report of a GAN with values that can be checked by hand."""

import re

import pytest

from dlunits.data.images import image_datasets
from dlunits.models import convolutional_gan
from dlunits.tasks.gan.report import curves, metric_table, write_gan_report

METRICS = {
    "generated": {"frechet": 12.3456, "covered": 9.0, "p_value": 0.25},
    "real": {"frechet": 1.25, "covered": 10.0},
}


@pytest.fixture(scope="module", params=[None, 10], ids=["plain", "classes"])
def report(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "report.html"
    written = write_gan_report(
        path,
        model=convolutional_gan(num_classes=request.param, filters=(2, 1)),
        history={
            "generator_loss": [0.7, 0.8, 0.9],
            "discriminator_loss": [1.4, 1.3, 1.2],
            "diversity": [0.1, 0.5, 0.9],
        },
        data=image_datasets.load("digits"),
        metrics=METRICS,
        few_labels=request.param
        and [{"labels": 100, "alone": "9 %", "with generated images": "8 %"}],
        command="python apps/gan_mnist.py --dataset=<digits>",
        seconds=312.4,
    )
    assert written == path
    return request.param, path.read_text(encoding="utf-8")


def test_the_summary_has_the_key_figures(report):
    _, text = report
    summary = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert summary["Frechet distance"] == "12.35"
    assert summary["Classes covered"] == "9 of 10"
    assert summary["Epochs"] == "3"


def test_conditional_gans_have_a_table_of_few_labels(report):
    classes, text = report
    assert ("With generated images" in text) == bool(classes)
    assert "--dataset=&lt;digits&gt;" in text


def test_unknown_metrics_are_empty_in_the_table():
    *_, row = metric_table(METRICS)
    assert row == {
        "metric": "p-value of memorization",
        "generated": 0.25,
        "real": None,
    }


def test_curves_show_the_metrics_of_the_history():
    figure = curves({"real_accuracy": [1, 0.5], "unknown": [1, 2]})
    assert figure.get_label() == "Curves over 2 epochs: real_accuracy."
    [axes] = figure.axes
    [line] = axes.lines
    assert line.get_ydata().tolist() == [1, 0.5]
