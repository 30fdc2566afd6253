"""Tables to learn from and to score, from whatever a user names."""

import functools
import pathlib
import typing

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from dlunits.atomic_files import atomic_write
from dlunits.data.images.image_classes import load_image_folder, load_one_class
from dlunits.data.tables import embedded_tables
from dlunits.models.anomaly.image_features import image_features
from dlunits.training.run_directory import check_writable, format_path

IMAGE, LABEL = "image", "label"  # columns


class SourceTables(typing.NamedTuple):
    """Table files, and where they came from.

    Args:
        train, score: Paths, of normal rows and of others, or what is opened
            there; `None` if there is no such table.
        labels: Dict of `label_column`, the name of the column that says what
            is an anomaly, or `None`; and of `normal_class`.
        kinds: Texts such as `"image=ignored"`, kinds of columns.
        told: Lines about where the rows came from, and about images that
            could not be read.
        problems: Integer, how many these are.
        images: Those that the rows to score describe, uint8
            `(rows, height, width, 1)`, or `None`.
        describe: Keras model from images to the columns, or `None`.
        output: Path of the scored table, or `None` as long as none is known.
    """

    train: object
    score: object
    labels: dict
    kinds: tuple = ()
    told: tuple = ()
    problems: int = 0
    images: np.ndarray | None = None
    describe: object = None
    output: object = None


def folders_of_run(source, score, model, workdir, export_dir):
    """Names a run, and makes its folders.

    Args:
        source: Path of what is learnt from, or name of the data set.
        score: Path of what is judged, or `None`.
        model: Folder of a SavedModel to judge by, or `None` if one is learnt.
        workdir, export_dir: Paths, in which `{dataset}` becomes the name.

    Returns:
        `(name, workdir, export_dir)`; there is no folder to export to where
        nothing is learnt.

    Raises:
        OSError: If one cannot be made or written to.

    Example:

    >>> import tempfile
    >>> folders = [f"{tempfile.mkdtemp()}/{{dataset}}"] * 2
    >>> model = "models/anomaly_pump/7"
    >>> folders_of_run("wdbc", "a/new.csv", model, *folders)[0]
    'pump_7_new'
    """
    name = pathlib.Path(source).stem
    if model:
        version = pathlib.Path(model)
        name = (
            f"{version.parent.name}_{version.stem}_{pathlib.Path(score).stem}"
        )
    name = name.removeprefix("anomaly_")
    workdir, export_dir = (
        pathlib.Path(format_path(path, {"dataset": name})).expanduser()
        for path in (workdir, export_dir)
    )
    check_writable(workdir)
    if not model:
        check_writable(export_dir)
    return name, workdir, export_dir


def source_tables(
    train,
    score,
    folder,
    *,
    detector=None,
    dataset="wdbc",
    label_column=None,
    normal_class=None,
    side=64,
    data_dir=None,
    seed=0,
):
    """Makes tables of what is named, if it is none.

    - Files stay what they are.
    - Folders of images, see `dlunits.data.images.image_classes`, become tables:
    a
      row describes an image by numbers, see
      `dlunits.models.anomaly.image_features`. Of labeled images the normal ones
      are learnt from.
    - Without files `dataset` says what: `"wdbc"`, see
      `dlunits.data.tables.embedded_tables`, or images as
      `dlunits.data.images.image_datasets.load` names them. One class of the
      training split is learnt from, and all of the test split is judged.

    Args:
        train, score: Paths of tables or of folders, or `None`.
        folder: Folder, for the tables that are made.
        detector: `dlunits.tasks.anomaly.serve.ServedDetector` to score
            by, which says how images are described, or `None`.
        dataset: Name; it counts if there is no path.
        label_column: Of files, the column that says what is an anomaly.
            Folders and data sets have labels of their own.
        normal_class: Of a data set of images, the class that is normal; of
            files, the label of normal rows.
        side: Integer, height and width of images out of folders.
        data_dir: Folder of prepared TFDS data sets, or `None`.
        seed: Integer, decides what is random.

    Returns:
        `SourceTables`.

    Raises:
        ValueError: If there is no such data set or class, no image, or
            what is named does not go together.
        OSError: If a table cannot be written.
    """
    folder, paths = pathlib.Path(folder), (train, score)
    labels = {"label_column": label_column, "normal_class": normal_class}
    check_go_together(paths, dataset, labels)
    if not any(paths) and dataset == "wdbc":
        labels["label_column"] = embedded_tables.LABEL_COLUMN
        files = embedded_tables.write_wdbc(folder, seed)
        return SourceTables(*files, labels, told=(embedded_tables.SOURCE,))
    if any(paths) and not any(path and is_folder(path) for path in paths):
        return SourceTables(train, score, labels)
    describe = model = None
    if detector is not None:
        describe, side = detector.describe, detector.image_side
    if any(paths):
        known, new = (path and load_image_folder(path, side) for path in paths)
        known = known and known.normal()
    else:
        known, new = load_one_class(dataset, normal_class, data_dir)
    if describe is None:
        model = image_features(known.images.shape[1:], seed=seed)
        describe = functools.partial(model.predict, batch_size=1000, verbose=0)
    there = [images for images in (known, new) if images]
    problems = [line for images in there for line in images.problems]
    labeled = any(images.labels is not None for images in there)
    return SourceTables(
        known and write_images(folder / "known.parquet", known, describe),
        new and write_images(folder / "new.parquet", new, describe),
        {"label_column": LABEL if labeled else None, "normal_class": None},
        (f"{IMAGE}=ignored",),
        (*dict.fromkeys(images.source for images in there), *problems),
        len(problems),
        new and new.images,
        model,
    )


def check_go_together(paths, dataset, labels):
    """Refuses folders beside files, and labels where there are others."""
    there = [path for path in paths if path]
    kinds = {is_folder(path) for path in there}
    if len(kinds) > 1:
        table, folder = sorted(there, key=is_folder)
        raise ValueError(
            f"{folder}: is a folder, and {table} is none. Name two tables, or "
            "two folders of images."
        )
    if True in kinds and any(labels.values()):
        raise ValueError(
            f"{there[0]}: is a folder, whose subfolders say what is normal. "
            "Leave out the column of labels and the normal class."
        )
    if not there and labels["label_column"]:
        raise ValueError(
            f"The data set {dataset!r} has labels of its own. Leave out the "
            f"column of labels, {labels['label_column']!r}."
        )


def is_folder(path):
    return pathlib.Path(path).expanduser().is_dir()


def write_images(path, images, describe):
    """Writes a Parquet file, a row an image; its path."""
    columns = {IMAGE: images.names}
    if images.labels is not None:
        columns[LABEL] = np.where(images.labels, "anomaly", "normal")
    numbers = describe(images.images.astype("float32") / 255)
    for place, column in enumerate(numbers.T, 1):
        columns[f"number_{place}"] = column
    with atomic_write(path) as file:
        pa.parquet.write_table(pa.table(columns), file)
    return path
