"""Tables to learn from and to score, from whatever a user names."""

import functools
import pathlib
import typing

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from dlunits.data import embedded_tables
from dlunits.data.picture_sets import pictures_of_class, pictures_of_folder
from dlunits.models.picture_columns import picture_columns
from dlunits.whole_files import written_whole

PICTURE, LABEL = "picture", "label"  # columns


class SourceTables(typing.NamedTuple):
    """Table files, and where they came from.

    Args:
        train, score: Paths, of normal rows and of others; `None` if there is
            no such table.
        labels: Dict of `label_column`, the name of the column that says what
            is an anomaly, or `None`; and of `normal_class`.
        kinds: Texts such as `"picture=ignored"`, kinds of columns.
        told: Lines about where the rows came from, and about pictures that
            could not be read.
        problems: Integer, how many these are.
        pictures: Those that the rows to score describe, uint8
            `(rows, height, width, 1)`, or `None`.
        describe: Keras model from pictures to the columns, or `None`.
    """

    train: object
    score: object
    labels: dict
    kinds: tuple = ()
    told: tuple = ()
    problems: int = 0
    pictures: np.ndarray | None = None
    describe: object = None


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
    - Folders of pictures, see `dlunits.data.picture_sets`, become tables: a
      row describes a picture by numbers, see
      `dlunits.models.picture_columns`. Of labelled pictures the normal ones
      are learnt from.
    - Without files `dataset` says what: `"wdbc"`, see
      `dlunits.data.embedded_tables`, or pictures as
      `dlunits.data.digits.load` names them. One class of the training split
      is learnt from, and all of the test split is judged.

    Args:
        train, score: Paths of tables or of folders, or `None`.
        folder: Folder, for the tables that are made.
        detector: `dlunits.serving.anomaly_service.ServedDetector` to score
            by, which says how pictures are described, or `None`.
        dataset: Name; it counts if there is no path.
        label_column: Of files, the column that says what is an anomaly.
        normal_class: Of a data set of pictures, the class that is normal; of
            files, the label of normal rows.
        side: Integer, height and width of pictures out of folders.
        data_dir: Folder of prepared TFDS data sets, or `None`.
        seed: Integer, decides what is random.

    Returns:
        `SourceTables`.

    Raises:
        ValueError: If there is no such data set or class, or no picture.
        OSError: If a table cannot be written.
    """
    folder, paths = pathlib.Path(folder), (train, score)
    labels = {"label_column": label_column, "normal_class": normal_class}
    if not any(paths) and dataset == "wdbc":
        labels["label_column"] = embedded_tables.LABEL_COLUMN
        files = embedded_tables.write_wdbc(folder, seed)
        return SourceTables(*files, labels, told=(embedded_tables.SOURCE,))
    if any(paths) and not any(path and is_folder(path) for path in paths):
        return SourceTables(train, score, labels)
    describe = model = None
    if detector is not None:
        describe, side = detector.describe, detector.picture_side
    if any(paths):
        known, new = (path and pictures_of_folder(path, side) for path in paths)
        known = known and known.normal()
    else:
        known, new = pictures_of_class(dataset, normal_class, data_dir)
    if describe is None:
        model = picture_columns(known.images.shape[1:], seed=seed)
        describe = functools.partial(model.predict, batch_size=1000, verbose=0)
    there = [pictures for pictures in (known, new) if pictures]
    problems = [line for pictures in there for line in pictures.problems]
    labelled = any(pictures.labels is not None for pictures in there)
    return SourceTables(
        known and write_pictures(folder / "known.parquet", known, describe),
        new and write_pictures(folder / "new.parquet", new, describe),
        {"label_column": LABEL if labelled else None, "normal_class": None},
        (f"{PICTURE}=ignored",),
        (*dict.fromkeys(pictures.source for pictures in there), *problems),
        len(problems),
        new and new.images,
        model,
    )


def is_folder(path):
    return pathlib.Path(path).expanduser().is_dir()


def write_pictures(path, pictures, describe):
    """Writes a Parquet file, a row a picture; its path."""
    columns = {PICTURE: pictures.names}
    if pictures.labels is not None:
        columns[LABEL] = np.where(pictures.labels, "anomaly", "normal")
    numbers = describe(pictures.images.astype("float32") / 255)
    for place, column in enumerate(numbers.T, 1):
        columns[f"number_{place}"] = column
    with written_whole(path) as file:
        pa.parquet.write_table(pa.table(columns), file)
    return path
