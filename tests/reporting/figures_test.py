"""Content of training curves, confusion matrices, errors and feature maps."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from dlunits.reporting.figures import (
    confident_errors,
    confusion_matrix,
    feature_maps,
    training_curves,
)

HISTORY = {
    "loss": [0.9, 0.5, 0.3, 0.2],
    "val_loss": [0.8, 0.6, 0.7, 0.65],
    "accuracy": [0.7, 0.8, 0.9, 0.95],
    "val_accuracy": [0.7, 0.75, 0.74, 0.8],
}
DIGITS = list("0123456789")


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def texts(axes):
    """Text of each cell, by (row, column)."""
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): (
            text.get_text()
        )
        for text in axes.texts
    }


def images(figure):
    """Axes that show an image, subfigures' too, in drawing order."""
    return list(figure.findobj(is_image))


def is_image(artist):
    return bool(getattr(artist, "images", None))


def convolution_np(image, kernel, bias):
    """Slides each kernel over one image, `(height, width, 1)`."""
    taps = kernel.shape[0]
    side = image.shape[0] - taps + 1
    maps = np.empty((side, side, kernel.shape[-1]))
    for row in range(side):
        for column in range(side):
            patch = image[row : row + taps, column : column + taps, :, None]
            maps[row, column] = (patch * kernel).sum((0, 1, 2)) + bias
    return maps


def test_curves_have_every_epoch_of_the_history():
    loss, accuracy = training_curves(HISTORY).axes

    np.testing.assert_allclose(
        lines(loss)["validation"], list(enumerate(HISTORY["val_loss"], 1))
    )
    np.testing.assert_allclose(
        lines(accuracy)["training"][:, 1], [70, 80, 90, 95]
    )
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("Epoch", "Loss")
    assert accuracy.get_ylabel() == "Accuracy (%)"


@pytest.mark.parametrize(
    ("monitor", "epoch"), [("val_loss", 2), ("val_accuracy", 4)]
)
def test_curves_mark_the_best_epoch_of_the_monitored_metric(monitor, epoch):
    axes = training_curves(HISTORY, monitor).axes[0]
    marked = lines(axes)[f"best epoch by {monitor}: {epoch}"]
    assert marked[0, 0] == epoch


def test_curves_ignore_epochs_with_a_nan_loss():
    history = {"loss": [1.0, 2.0, np.nan], "val_loss": [np.nan, 3.0, np.nan]}
    assert "at epoch 2" in training_curves(history).get_label()


def test_curves_of_one_epoch_without_validation():
    figure = training_curves({"loss": [1.0], "learning_rate": [0.1]})
    figure.draw_without_rendering()
    assert list(lines(figure.axes[0])) == ["training"]
    assert len(figure.axes) == 1


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"accuracy": [1]}])
def test_a_history_without_epochs_is_refused(history):
    with pytest.raises(ValueError, match=r"under 'loss'\. Received: keys"):
        training_curves(history)


def test_the_confusion_matrix_has_every_nonzero_count():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 2000)
    predictions = np.where(
        rng.random(2000) < 0.9, labels, rng.integers(0, 10, 2000)
    )
    counts = {}
    for pair in zip(labels.tolist(), predictions.tolist(), strict=True):
        counts[pair] = counts.get(pair, 0) + 1

    axes = confusion_matrix(labels, predictions, DIGITS).axes[0]
    assert texts(axes) == {pair: str(n) for pair, n in counts.items()}
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "Predicted class",
        "True class",
    )


def test_the_confusion_matrix_colors_errors_and_masks_the_diagonal():
    axes = confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], ["a", "b"]).axes[0]
    shown = axes.images[0].get_array()
    assert shown.mask.tolist() == [[True, False], [False, True]]
    assert axes.images[0].get_clim() == (0, 1)  # at most one error


def test_the_confusion_matrix_has_the_recall_of_each_class():
    figure = confusion_matrix([0, 0, 0], [0, 0, 1], ["a", "b"])
    figure.draw_without_rendering()
    [recall] = figure.axes[0].child_axes
    shown = [label.get_text() for label in recall.get_yticklabels()]
    assert shown == ["66.7 %", "none"]  # 2 of 3, and no example of b


def test_class_names_are_not_parsed_as_formulas():
    names = ["$x^$", r"$\frac$", "a_long_name"]
    scores = np.eye(3)[[1, 1, 2]]
    for figure in [
        confusion_matrix([0, 1, 2], [1, 1, 2], names),
        confident_errors(np.zeros((3, 8, 8)), [0, 1, 2], scores, names),
    ]:
        figure.draw_without_rendering()


def test_errors_are_sorted_by_confidence():
    digits = load_digits()
    images, labels = digits.images[:5], digits.target[:5]  # 0 1 2 3 4
    scores = np.full((5, 10), 0.0)
    for row, (taken, confidence) in enumerate(
        [(0, 1.0), (7, 0.6), (3, 0.9), (3, 0.5), (9, 0.8)]
    ):
        scores[row, taken] = confidence

    figure = confident_errors(images, labels, scores, DIGITS, max_images=2)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [
        "2 → 3\n90.0 %",
        "4 → 9\n80.0 %",
    ]
    np.testing.assert_array_equal(shown[0].images[0].get_array(), images[2])
    assert "2 most confident of 3 errors" in figure.get_label()


def test_images_are_shown_as_they_are():
    image = np.array([[10, 200]], "uint8")
    for shown, limits in ((image, (0, 255)), (image / 255, (0, 1))):
        figure = confident_errors(shown[None], [0], [[0, 1]], ["a", "b"])
        drawn = figure.axes[0].images[0]
        assert drawn.get_clim() == limits
        assert drawn.cmap.name == "gray"  # 0 is black


def test_errors_may_have_channels():
    scores = np.eye(2)[[1, 1]]
    for channels in (1, 3):
        figure = confident_errors(
            np.zeros((2, 8, 9, channels), "uint8"), [0, 0], scores, ["a", "b"]
        )
        assert figure.axes[0].images[0].get_size() == (8, 9)


def test_without_errors_the_figure_is_a_sentence():
    figure = confident_errors(
        np.zeros((2, 8, 8)), [0, 1], np.eye(2), ["a", "b"]
    )
    [text] = figure.texts
    assert (
        text.get_text() == "No errors: all 2 images are classified correctly."
    )


def test_feature_maps_match_a_slow_convolution():
    image = load_digits().images[0][..., None] / 16
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(6, 3, name="c1")]
    )
    expected = convolution_np(image, *model.get_layer("c1").get_weights())

    shown = images(feature_maps(model, image, ["c1"]))
    assert len(shown) == 1 + 6  # the digit and its maps
    np.testing.assert_array_equal(shown[0].images[0].get_array(), image[..., 0])
    for index, axes in enumerate(shown[1:]):
        np.testing.assert_allclose(
            axes.images[0].get_array(), expected[..., index], atol=1e-5
        )
        low, high = axes.images[0].get_clim()
        assert low == -high  # white is 0


def test_the_label_has_the_number_of_omitted_maps():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(20, 3, name="c")]
    )
    figure = feature_maps(model, np.zeros((8, 8)), ["c"], max_maps=5)
    assert len(images(figure)) == 1 + 5
    assert "c: first 5 of 20 maps" in figure.get_label()


def test_layers_without_maps_are_refused():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(3, name="f6"),
        ]
    )
    image = np.zeros((8, 8))
    with pytest.raises(ValueError, match=r"'f6' with output shape \(None, 3\)"):
        feature_maps(model, image, ["f6"])
    with pytest.raises(ValueError, match="No such layer: c9"):
        feature_maps(model, image, ["c9"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2], "must be from 0 to 1, the indices.*Received: 0 to 2"),
        ([0, -1], "Received: -1 to 0"),
        ([0.0, 1.0], "vector of integers. Received: float64"),
        ([[0], [1]], r"Received: int64 of shape \(2, 1\)"),
    ],
)
def test_classes_without_a_name_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(labels, [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match=message):
        confident_errors(np.zeros((2, 4, 4)), labels, np.eye(2), ["a", "b"])


def test_images_and_labels_must_be_equally_many():
    with pytest.raises(ValueError, match=r"equally long.*1, 2 and 2"):
        confident_errors(np.zeros((1, 4, 4)), [0, 1], np.eye(2), ["a", "b"])
