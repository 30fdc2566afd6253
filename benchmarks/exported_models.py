"""One small model of each kind that the apps export, with random weights.

Tests and benchmarks of servers and file formats use them. Their results also
hold for trained models, which have the same operations and signatures.
"""

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np

from dlunits.data.images import image_datasets
from dlunits.data.series.forecasting_dataset import load_forecasting_dataset
from dlunits.data.tables.table_files import open_table
from dlunits.data.text.vocabulary import build_vocabulary
from dlunits.models import (
    AlexNet,
    AnomalyDetector,
    Forecaster,
    LeNet5,
    RecurrentLanguageModel,
    RecurrentModel,
    convolutional_autoencoder,
    convolutional_gan,
    dense_autoencoder,
)
from dlunits.models.anomaly.image_features import image_features
from dlunits.tasks.anomaly.serve import export_detector, functional_models
from dlunits.tasks.autoencoders.serve import export_autoencoder
from dlunits.tasks.denoising.serve import export_denoiser
from dlunits.tasks.digits.serve import export_digit_classifier
from dlunits.tasks.forecasting.serve import export_forecaster
from dlunits.tasks.gan.serve import export_gan
from dlunits.tasks.image_classification.serve import export_alexnet
from dlunits.tasks.text.serve import export_text_model

COMMAND = "python benchmarks/exported_models.py"
LETTERS = "".join(map(chr, range(32, 96)))


@dataclasses.dataclass(frozen=True)
class Exported:
    """A model in Keras and as a SavedModel.

    Attributes:
        model: Keras model whose `predict` the endpoint `predict` equals.
        version: Folder of the SavedModel.
    """

    model: keras.Model
    version: pathlib.Path


def export_every_kind(folder: pathlib.Path) -> dict[str, Exported]:
    """Exports a model of each kind.

    Args:
        folder: Folder of the models, one subfolder per kind.

    Returns:
        Dict from the name of the kind to `Exported`.
    """
    keras.utils.set_random_seed(0)
    return {name: export(folder / name) for name, export in KINDS.items()}


def digit_classifier(folder):
    data = image_datasets.load("digits")
    model = LeNet5()
    return exported(export_digit_classifier, model, folder, data=data)


def sequence_classifier(folder):
    rows = keras.layers.Reshape((28, 28))
    classifier = RecurrentModel(
        "many_to_one", (28, 28), 10, units=(8,), output_activation="softmax"
    )
    model = keras.Sequential([keras.Input((28, 28, 1)), rows, classifier])
    data = image_datasets.load("digits")
    return exported(export_digit_classifier, model, folder, data=data)


def autoencoder(folder):
    data = image_datasets.load("digits")
    model = dense_autoencoder(
        (28, 28, 1), 5, (16,), output_activation="sigmoid"
    )
    return exported(export_autoencoder, model, folder, data=data)


def denoiser(folder):
    data = image_datasets.load("digits")
    model = convolutional_autoencoder(
        (28, 28, 1), filters=(4, 8), output_activation="sigmoid"
    )
    return exported(export_denoiser, model, folder, data=data, noise="gaussian")


def generator(folder):
    data = image_datasets.load("digits")
    gan = convolutional_gan((28, 28, 1), 3, num_classes=10, filters=(4, 2))
    version = export_gan(gan, folder, data=data, metrics={}, command=COMMAND)
    return Exported(gan.ema_generator(), version)


def anomaly_detector(folder):
    rng = np.random.default_rng(0)
    rows = {
        "speed": rng.normal(1500, 20, 200),
        "load": rng.normal(0.7, 0.1, 200),
        "valve": ["open", "shut"] * 100,
    }
    detector = AnomalyDetector(num_folds=2).fit(rows)
    version = export_detector(
        detector, folder, data="random rows", metrics={}, command=COMMAND
    )
    return Exported(functional_models(detector)[0], version)


def image_anomaly_detector(folder):
    extractor = image_features((28, 28, 1), num_columns=4)
    images = image_datasets.load("digits").test[0][:60]
    columns = extractor.predict(images / np.float32(255), verbose=0)
    detector = AnomalyDetector(num_folds=2).fit(columns)
    version = export_detector(
        detector,
        folder,
        data="digits",
        metrics={},
        command=COMMAND,
        feature_extractor=extractor,
    )
    return Exported(functional_models(detector)[0], version)


def forecaster(folder):
    rng = np.random.default_rng(0)
    days = np.arange("2024-01-01", "2024-04-10", dtype="datetime64[D]")
    lines = [
        f"{day},{load:.3f},{price:.3f}"
        for day, (load, price) in zip(
            days, rng.normal(size=(len(days), 2)), strict=True
        )
    ]
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / "forecaster.csv"
    path.write_text("\n".join(["day,load,price", *lines]))
    dataset = load_forecasting_dataset(
        open_table(path), "day", window=14, horizon=7
    )
    model = Forecaster(14, 7, 2, method="gru", units=8)
    model.adapt(rng.normal(size=(100, 2)))
    windows = rng.normal(size=(20, 14, 2))
    model.calibrate(windows, rng.normal(size=(20, 7, 2)))
    return exported(
        export_forecaster, model, folder, dataset=dataset, data=path.name
    )


def language_model(folder):
    vocabulary = build_vocabulary([LETTERS])
    model = RecurrentLanguageModel(
        vocabulary.size, "lstm", units=8, num_layers=2
    )
    return exported(
        export_text_model,
        model,
        folder,
        vocabulary=vocabulary,
        data="the letters of ASCII",
    )


def image_classifier(folder):
    data = image_datasets.load("digits")
    model = AlexNet(10, width=1 / 32, input_shape=(67, 67, 3))
    return exported(export_alexnet, model, folder, data=data, flip=True)


def exported(export, model, folder, **arguments: Any) -> Exported:
    """Exports a model with the required entries of a model card."""
    version = export(model, folder, metrics={}, command=COMMAND, **arguments)
    return Exported(model, version)


KINDS = {
    function.__name__: function
    for function in (
        digit_classifier,
        sequence_classifier,
        image_classifier,
        autoencoder,
        denoiser,
        generator,
        anomaly_detector,
        image_anomaly_detector,
        forecaster,
        language_model,
    )
}
