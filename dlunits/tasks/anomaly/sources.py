"""Tables to train on and to score, from files, image folders or data sets."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from dlunits.atomic_files import atomic_write
from dlunits.data.images.image_classes import (
    AnomalyImages,
    load_image_folder,
    load_one_class,
)
from dlunits.data.tables import embedded_tables
from dlunits.models.anomaly.image_features import image_features
from dlunits.paths import expand_user
from dlunits.reporting.progress import ProgressBar
from dlunits.serving.load import find_version
from dlunits.training.run_directory import check_writable, format_path
from dlunits.typing import Array, Path

IMAGE, LABEL = "image", "label"  # columns of tables made of images


@dataclasses.dataclass(frozen=True)
class InputTables:
    """Paths of the tables of a run, and where their rows come from.

    Args:
        train: Table of normal rows to train on, or `None`.
        score: Table of rows to score, or `None`.
        label_column: Column with the anomaly labels, or `None`.
        normal_class: Label of normal rows, see
            `dlunits.data.tables.anomaly_labels`, or `None`.
        column_types: Dict of column name to column type, for columns whose
            type must not be inferred.
        messages: Lines for the user: the source of the rows, and images that
            could not be read.
        num_unreadable: Number of images that could not be read.
        images: Images that the rows of `score` describe, uint8
            `(rows, height, width, 1)`, or `None`.
        feature_extractor: Keras model from images to the columns, or `None`.
        significant_bits: Significant bits of image files of 16 bits, for the
            model card, see
            `dlunits.data.images.image_files.find_significant_bits`, or `None`.
    """

    train: Path | None
    score: Path | None
    label_column: str | None = None
    normal_class: str | None = None
    column_types: dict[str, str] = dataclasses.field(default_factory=dict)
    messages: tuple[str, ...] = ()
    num_unreadable: int = 0
    images: Array | None = None
    feature_extractor: Any = None
    significant_bits: int | None = None


def make_run_folders(
    source: Path,
    score: Path | None,
    model: Path | None,
    workdir: str,
    export_dir: str,
) -> tuple[str, pathlib.Path, pathlib.Path]:
    """Name of a run, and its folders, which are created.

    Args:
        source: Path of the table to train on, or name of the data set.
        score: Path of the table to score, or `None`.
        model: Folder of the SavedModel to score with, or `None` to train one.
        workdir: Folder of the report; `{dataset}` is replaced by the name.
        export_dir: Folder of the SavedModels, likewise. It is not created if
            there is a `model`.

    Returns:
        `(name, workdir, export_dir)`.

    Raises:
        OSError: If a folder cannot be created or written to.

    Example:

    >>> import tempfile
    >>> folders = [f"{tempfile.mkdtemp()}/{{dataset}}"] * 2
    >>> model = "models/anomaly_pump/7"
    >>> make_run_folders("wdbc", "a/new.csv", model, *folders)[0]
    'pump_7_new'
    """
    name = pathlib.Path(source).stem
    if model:
        version = find_version(model)
        scored = pathlib.Path(score or "").stem
        name = f"{version.parent.name}_{version.stem}_{scored}"
    name = name.removeprefix("anomaly_")
    folder, export_folder = (
        expand_user(format_path(path, {"dataset": name}))
        for path in (workdir, export_dir)
    )
    check_writable(folder)
    if not model:
        check_writable(export_folder)
    return name, folder, export_folder


def find_input_tables(
    train: Path | None,
    score: Path | None,
    folder: Path,
    *,
    detector: Any = None,
    dataset: str = "wdbc",
    label_column: str | None = None,
    normal_class: str | None = None,
    image_size: int = 64,
    data_dir: Path | None = None,
    seed: int = 0,
    progress: ProgressBar | None = None,
) -> InputTables:
    """Tables of a run, from table files, image folders or a data set.

    - Table files are used as they are.
    - Folders of images, see `dlunits.data.images.image_classes`, are converted
      to tables. Each row holds the features of one image, see
      `dlunits.models.anomaly.image_features`. From labeled images only the
      normal ones are used for training.
    - Without paths, `dataset` names the source: `"wdbc"`, see
      `dlunits.data.tables.embedded_tables`, or a data set of images, see
      `dlunits.data.images.image_datasets.load`. One class of the training
      split is the training data, and the whole test split is scored.

    Args:
        train: Path of a table or folder of normal rows, or `None`.
        score: Path of a table or folder to score, or `None`.
        folder: Existing folder in which new tables are written.
        detector: `dlunits.tasks.anomaly.serve.ServedDetector` to score with,
            which holds the feature extractor of images, or `None`.
        dataset: Name of the data set; used if there is no path.
        label_column: Column of table files with the anomaly labels. Folders
            and data sets have their own labels.
        normal_class: Normal class of a data set of images, or label of normal
            rows of table files.
        image_size: Height and width in pixels to which the images of folders
            are resized.
        data_dir: Folder of prepared TFDS data sets, or `None`.
        seed: Seed of the random projection of image features, and of the
            split of `"wdbc"`.
        progress: Function that creates a progress bar for reading images, see
            `dlunits.reporting.progress`, or `None`.

    Returns:
        The tables.

    Raises:
        ValueError: If there is no such data set or class, a folder has no
            image, or the arguments exclude each other.
        OSError: If a table cannot be written.
    """
    folder, paths = pathlib.Path(folder), (train, score)
    check_sources(paths, dataset, label_column, normal_class)
    if not any(paths) and dataset == "wdbc":
        train, score = embedded_tables.write_wdbc(folder, seed)
        return InputTables(
            train,
            score,
            embedded_tables.LABEL_COLUMN,
            normal_class,
            messages=(embedded_tables.SOURCE,),
        )
    if any(paths) and not any(path and is_folder(path) for path in paths):
        return InputTables(train, score, label_column, normal_class)
    extract: Any = None
    model = significant_bits = None
    if detector is not None:
        extract, image_size = detector.extract_features, detector.image_size
        significant_bits = detector.card.get("significant_bits")
    train_images: AnomalyImages | None = None
    score_images: AnomalyImages | None = None
    if any(paths):
        if train:
            read = read_images(train, image_size, progress)
            train_images = read.normal()
            significant_bits = read.significant_bits
        if score:
            score_images = read_images(
                score, image_size, progress, significant_bits
            )
    else:
        train_images, score_images = load_one_class(
            dataset, str(normal_class), data_dir
        )
    if extract is None and train_images is not None:
        model = image_features(train_images.images.shape[1:], seed=seed)
        extract = functools.partial(model.predict, batch_size=1000, verbose=0)
    both = [images for images in (train_images, score_images) if images]
    unreadable = [line for images in both for line in images.problems]
    labeled = any(images.labels is not None for images in both)
    train, score = (
        write_image_table(folder / file, images, extract) if images else None
        for file, images in (
            ("known.parquet", train_images),
            ("new.parquet", score_images),
        )
    )
    return InputTables(
        train,
        score,
        label_column=LABEL if labeled else None,
        column_types={IMAGE: "ignored"},
        messages=(
            *dict.fromkeys(images.source for images in both),
            *unreadable,
        ),
        num_unreadable=len(unreadable),
        images=score_images.images if score_images else None,
        feature_extractor=model,
        significant_bits=significant_bits,
    )


def check_sources(
    paths: tuple[Path | None, ...],
    dataset: str,
    label_column: str | None,
    normal_class: str | None,
) -> None:
    """Checks that paths, data set and labels do not exclude each other.

    Raises:
        ValueError: If one path is a folder and the other is not, or a source
            with its own labels has a label column.
    """
    given = [path for path in paths if path]
    if len({is_folder(path) for path in given}) > 1:
        table, folder = sorted(given, key=is_folder)
        raise ValueError(
            f"{folder}: is a folder, and {table} is not. Choose two tables, "
            "or two folders of images."
        )
    if given and is_folder(given[0]) and (label_column or normal_class):
        raise ValueError(
            f"{given[0]}: is a folder, whose subfolders are the labels. Omit "
            "the label column and the normal class."
        )
    if not given and label_column:
        raise ValueError(
            f"The data set {dataset!r} has its own labels. Omit the label "
            f"column {label_column!r}."
        )


def is_folder(path: Path) -> bool:
    """Whether the path is an existing folder."""
    return expand_user(path).is_dir()


def read_images(
    folder: Path,
    image_size: int,
    progress: ProgressBar | None,
    significant_bits: int | None = None,
) -> AnomalyImages:
    """Reads the images of a folder, with a progress bar.

    Args:
        folder: Folder of images.
        image_size: Height and width in pixels to which they are resized.
        progress: Function that creates the bar, or `None`.
        significant_bits: As in `load_image_folder`.

    Returns:
        The images.

    Raises:
        ValueError: If the folder has no image that can be read.
    """
    read = functools.partial(
        load_image_folder,
        folder,
        image_size,
        significant_bits=significant_bits,
    )
    if progress is None:
        return read()
    with progress(total=None, desc="Reading images", unit=" images") as bar:

        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return read(update)


def write_image_table(
    path: pathlib.Path,
    images: AnomalyImages,
    feature_extractor: Callable[[Array], Array],
) -> pathlib.Path:
    """Writes a Parquet file with the name, label and features of each image.

    Args:
        path: File to write.
        images: The images.
        feature_extractor: Function from float32 images in [0, 1] to features
            `(images, features)`.

    Returns:
        The path.

    Raises:
        OSError: If the file cannot be written.
    """
    columns: dict[str, Any] = {IMAGE: images.names}
    if images.labels is not None:
        columns[LABEL] = np.where(images.labels, "anomaly", "normal")
    features = feature_extractor(images.images.astype("float32") / 255)
    for number, column in enumerate(features.T, 1):
        columns[f"number_{number}"] = column
    with atomic_write(path) as file:
        pa.parquet.write_table(pa.table(columns), file)
    return path
