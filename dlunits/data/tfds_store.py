"""Data sets of TensorFlow Datasets (TFDS): search, download, read as arrays.

TFDS stores a prepared data set in `<data directory>/<name>/<version>/`. Without
a network, its download fails after minutes of retries. A download is therefore
started only if the host answers a request within `PROBE_SECONDS`.
"""

import contextlib
import os
import pathlib
import queue
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterable

import numpy as np

from dlunits.paths import expand_user
from dlunits.typing import Array, Path

PROBE_SECONDS = 2.0


def data_directories(data_dir: Path | None = None) -> list[pathlib.Path]:
    """Folders to search: `data_dir`, `$TFDS_DATA_DIR`, the default of TFDS.

    Args:
        data_dir: First folder to search, or `None`.

    Returns:
        List of paths, which need not exist.

    Example:

    >>> data_directories("/data")[0]
    PosixPath('/data')
    """
    given = [data_dir, os.environ.get("TFDS_DATA_DIR")]
    places = [expand_user(place) for place in given if place]
    # Some containers run with a user id that has no home directory.
    with contextlib.suppress(ValueError):
        places.append(expand_user("~/tensorflow_datasets"))
    return places


def find_prepared(
    name: str, data_dir: Path | None = None
) -> pathlib.Path | None:
    """Finds the newest prepared version of a data set on disk.

    Args:
        name: Name of the data set in TFDS, such as `"mnist"`.
        data_dir: Folder that is searched before `$TFDS_DATA_DIR` and
            `~/tensorflow_datasets`. It must exist.

    Returns:
        Folder of the version, or `None`.

    Raises:
        OSError: If `data_dir` does not exist, or one of the paths is not a
            folder or cannot be read.

    Example:

    >>> find_prepared("no_such_data_set") is None
    True
    """
    if data_dir is not None:
        _list(expand_user(data_dir))
    for directory in data_directories(data_dir):
        try:
            versions = [
                path
                for path in _list(directory / name)
                if re.fullmatch(r"\d+\.\d+\.\d+", path.name)
            ]
        except FileNotFoundError:
            continue
        if versions:
            return max(
                versions, key=lambda path: [*map(int, path.name.split("."))]
            )
    return None


def check_host(url: str, timeout: float = PROBE_SECONDS) -> None:
    """Checks that a file can be downloaded, with an HTTP HEAD request.

    Proxies and certificates are those of the environment, as in TFDS.

    Args:
        url: Address of the file.
        timeout: Maximum duration in seconds, including name resolution.

    Raises:
        ConnectionError: If the host refuses the connection or the request.
        TimeoutError: If there is no answer within `timeout`.
    """
    import requests

    answers: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def request() -> None:
        try:
            requests.head(
                url, timeout=timeout, allow_redirects=True
            ).raise_for_status()
            answers.put(None)
        except (OSError, ValueError) as error:
            answers.put(error)

    # A daemon thread does not delay the exit if name resolution hangs.
    threading.Thread(target=request, daemon=True).start()
    host = urllib.parse.urlsplit(url).hostname
    try:
        error = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(
            f"{host} did not answer within {timeout:g} s"
        ) from None
    if error is not None:
        raise ConnectionError(
            f"{host} could not be reached ({type(error).__name__})"
        ) from error


def download(name: str, data_dir: Path | None = None) -> pathlib.Path:
    """Downloads and prepares a data set with TFDS.

    It is stored in the first of `data_directories(data_dir)`. TFDS shows
    progress bars.

    Args:
        name: Name of the data set in TFDS.
        data_dir: Folder of prepared data sets, or `None`.

    Returns:
        Folder of the prepared version.

    Raises:
        OSError: If TFDS cannot download or write the data set.
    """
    import tensorflow_datasets as tfds

    target = data_directories(data_dir)[0]
    try:
        builder = tfds.builder(name, data_dir=target)
        builder.download_and_prepare()
    except Exception as error:  # of many types, see `_reason`
        raise OSError(
            f"TFDS could not download {name} to {target}: {_reason(error)}"
        ) from error
    return pathlib.Path(builder.data_dir)


def read_prepared(
    directory: Path, convert: Callable[[Array], Array] | None = None
) -> tuple[dict[str, tuple[Array, Array]], tuple[str, ...]]:
    """Reads the images and labels of a prepared data set.

    Args:
        directory: Folder `<data directory>/<name>/<version>`.
        convert: Function of an image, uint8 `(height, width, channels)`, to an
            image of a fixed size. `None` if all images have the same size.

    Returns:
        `(splits, class_names)`. `splits` maps the name of a split to its
        `(images, labels)`, uint8 `(n, height, width, channels)` and int32
        `(n,)`, in stored order.

    Raises:
        OSError: If the description or a record is missing or damaged.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    options = tf.data.Options()
    options.autotune.enabled = False
    read_config = tfds.ReadConfig(
        try_autocache=False,
        num_parallel_calls_for_decode=os.cpu_count(),
        options=options,
    )
    try:
        builder = tfds.builder_from_directory(directory)
        splits = {}
        for split, info in builder.info.splits.items():
            dataset = builder.as_dataset(
                split=split,
                batch_size=None if convert else -1,
                as_supervised=True,
                read_config=read_config,
            )
            if convert:
                images, labels = convert_images(
                    tfds.as_numpy(dataset), info.num_examples, convert
                )
            else:
                images, labels = (part.numpy() for part in dataset)
            splits[split] = images, labels.astype("int32")
        return splits, tuple(builder.info.features["label"].names)
    except Exception as error:  # of many types, see `_reason`
        raise OSError(
            f"The prepared data set in {directory} cannot be read: "
            f"{_reason(error)}. Delete that folder to download it again, or "
            "choose another data directory."
        ) from error


def convert_images(
    examples: Iterable[tuple[Array, Array]],
    num_examples: int,
    convert: Callable[[Array], Array],
) -> tuple[Array, Array]:
    """Converts images one by one, into one array.

    Args:
        examples: Pairs `(image, label)`.
        num_examples: Number of pairs.
        convert: Function of an image to an image of a fixed size.

    Returns:
        `(images, labels)`, arrays with `num_examples` rows.
    """
    images, labels = np.empty((0,), "uint8"), np.empty(num_examples, "int64")
    for row, (image, label) in enumerate(examples):
        converted = convert(image)
        if row == 0:
            images = np.empty((num_examples, *converted.shape), converted.dtype)
        images[row], labels[row] = converted, label
    return images, labels


def image_shape(directory: Path) -> tuple[int | None, ...]:
    """Shape of the images of a prepared data set.

    Args:
        directory: Folder `<data directory>/<name>/<version>`.

    Returns:
        `(height, width, channels)`, `None` for sizes that vary.

    Raises:
        OSError: If the description is missing or damaged, or the data set has
            no images with labels.
    """
    import tensorflow_datasets as tfds

    try:
        features = tfds.builder_from_directory(directory).info.features
        names = features["label"].names
        shape = features["image"].shape
    except Exception as error:  # of many types, see `_reason`
        raise OSError(
            f"The prepared data set in {directory} cannot be read as images "
            f"with labels: {_reason(error)}. Choose another data set."
        ) from error
    if len(names) < 2 or len(shape) != 3:
        raise OSError(
            f"The prepared data set in {directory} must have images of at "
            f"least two classes. Received: classes {names}, shape {shape}"
        )
    return shape


def _list(directory: pathlib.Path) -> list[pathlib.Path]:
    try:
        return list(directory.iterdir())
    except OSError as error:
        raise type(error)(
            "The data directory must be a readable folder. Received: "
            f"{directory} ({error.strerror}). Create it, or choose another one."
        ) from error


def _reason(error: Exception) -> str:
    """One line from an error of protobuf, json, requests or TensorFlow."""
    message = str(getattr(error, "message", error)) or type(error).__name__
    message = re.sub(r"\{\{.*?\}\} | \[Op:.*", "", message)
    return message.strip().splitlines()[0].rstrip(".:")
