"""Data sets prepared by TensorFlow Datasets: found, fetched, read as arrays.

TFDS keeps a prepared data set in `<data directory>/<name>/<version>/`. Asked
for one that is not there, it retries the network for minutes before it fails;
here the host gets `PROBE_SECONDS` to answer before TFDS is asked.
"""

import os
import pathlib
import queue
import re
import threading
import urllib.parse

PROBE_SECONDS = 2.0


def data_directories(data_dir=None):
    """Returns the folders to look in: `data_dir`, TFDS_DATA_DIR, TFDS' own."""
    places = [
        data_dir,
        os.environ.get("TFDS_DATA_DIR"),
        pathlib.Path("~", "tensorflow_datasets"),
    ]
    return [pathlib.Path(place).expanduser() for place in places if place]


def find_prepared(name, data_dir=None):
    """Returns the newest prepared version of a data set, or None.

    Only looks at the file system; neither TFDS nor the network is asked.

    Args:
        name: Name of the data set in TFDS, such as `"mnist"`.
        data_dir: Folder looked in before `TFDS_DATA_DIR` and
            `~/tensorflow_datasets`. It must exist.

    Raises:
        OSError: If `data_dir` does not exist, or if one of the folders is
            not a folder or is not readable.

    Example:

    >>> find_prepared("no_such_data_set") is None
    True
    """
    if data_dir is not None:
        _list(pathlib.Path(data_dir).expanduser())
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


def check_host(url, timeout=PROBE_SECONDS):
    """Asks for the head of `url`, and returns if an answer came in time.

    Proxies and certificates are taken from the environment, as TFDS does. The
    timeout bounds the whole question, name resolution included.

    Args:
        url: Address of a file to download.
        timeout: Seconds to wait.

    Raises:
        ConnectionError: If the file can not be had from there.
        TimeoutError: If no answer came within `timeout`.
    """
    import requests

    answers = queue.SimpleQueue()

    def ask():
        try:
            requests.head(
                url, timeout=timeout, allow_redirects=True
            ).raise_for_status()
            answers.put(None)
        except (OSError, ValueError) as error:
            answers.put(error)

    # A daemon: nobody waits for it at exit when name resolution hangs.
    threading.Thread(target=ask, daemon=True).start()
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


def download(name, data_dir=None):
    """Downloads a data set through TFDS and returns its prepared folder.

    It goes to the first of `data_directories(data_dir)`. TFDS shows its own
    progress bars.

    Args:
        name: Name of the data set in TFDS.
        data_dir: Folder of prepared data sets.

    Raises:
        OSError: If TFDS can not download the data set or write it.
    """
    import tensorflow_datasets as tfds

    target = data_directories(data_dir)[0]
    try:
        builder = tfds.builder(name, data_dir=target)
        builder.download_and_prepare()
    except Exception as error:  # whatever TFDS lets through, see `_reason`
        raise OSError(
            f"TFDS could not download {name} to {target}: {_reason(error)}"
        ) from error
    return pathlib.Path(builder.data_dir)


def read_prepared(directory):
    """Reads the images and labels of a prepared data set, whole splits.

    Args:
        directory: Folder `<data directory>/<name>/<version>`.

    Returns:
        `(splits, class_names)`. `splits` maps the name of a split to its
        `(images, labels)`, uint8 `(n, height, width, channels)` and int32
        `(n,)`, in the order in which they are stored.

    Raises:
        OSError: If the folder is damaged: broken or missing description,
            missing, truncated or altered records.
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
        for split in builder.info.splits:
            images, labels = builder.as_dataset(
                split=split,
                batch_size=-1,
                as_supervised=True,
                read_config=read_config,
            )
            splits[split] = images.numpy(), labels.numpy().astype("int32")
        return splits, tuple(builder.info.features["label"].names)
    except Exception as error:  # whatever TFDS lets through, see `_reason`
        raise OSError(
            f"The prepared data set in {directory} can not be read: "
            f"{_reason(error)}. Delete that folder to have it downloaded "
            "again, or name another data directory."
        ) from error


def _list(directory):
    try:
        return list(directory.iterdir())
    except OSError as error:
        raise type(error)(
            "The data directory must be a readable folder. Received: "
            f"{directory} ({error.strerror}). Create it, or name another."
        ) from error


def _reason(error):
    """One line of what protobuf, json, requests, TensorFlow or TFDS raised."""
    message = str(getattr(error, "message", error)) or type(error).__name__
    message = re.sub(r"\{\{.*?\}\} | \[Op:.*", "", message)
    return message.strip().splitlines()[0].rstrip(".:")
