"""A trained model out to a folder that TensorFlow Serving watches."""

import contextlib
import errno
import json
import pathlib
import tempfile

import keras
import tensorflow as tf

from dlunits.serving.model_card import check_card, complete_card
from dlunits.serving.warmup import write_warmup_requests


def export(model, directory, *, endpoints, card, warmup=None, parts=None):
    """Writes `model` as the next version in `directory`, whole or not at all.

    The SavedModel, its `model_card.json` and its warm-up requests are written
    under a name that TensorFlow Serving does not take for a version (it looks
    at integers only), loaded once to see that they work, and then renamed to
    the next integer. Versions are never overwritten; several processes may
    export into one folder at the same time.

    Besides the endpoints asked for there is always `predict`, which gives
    what `model.predict` gives.

    Args:
        model: Built Keras model, on the TensorFlow or the JAX backend.
        directory: Folder of the model, `saved_models/<name>`; it is made if
            it is not there, and its name is the model's in the card.
        endpoints: Function that takes `predict`, the model as a function from
            tensor to tensor in TensorFlow, and returns a dict of endpoint
            name to `(function, signature, *further_signatures)`, each
            signature a list of `tf.TensorSpec`, one an argument. Servers
            offer the first signature; in Python the endpoint takes all.
            `serving_default` must be among the names. Functions run without
            AutoGraph.
        card: Dict of what only the caller knows, see
            `dlunits.serving.model_card.complete_card`.
        parts: Dict of name to a Keras model that is a part of `model`, such
            as its encoder. Each becomes an endpoint of that name too, and is
            given to `endpoints` by it, as `predict` is.
        warmup: Dict of endpoint name to the arguments of one typical call, a
            list or a dict by their names. A server makes these calls before it
            takes requests.

    Returns:
        `pathlib.Path` of the new version.

    Raises:
        ValueError: If the endpoints or the card are incomplete.
        OSError: If the version cannot be written: no access, a file in the
            way, a full disk. Nothing is left behind.

    Reference: https://www.tensorflow.org/tfx/serving/serving_config

    Example:

    >>> double = keras.layers.Dense(1, kernel_initializer="ones")
    >>> model = keras.Sequential([keras.Input((2,)), double])
    >>> def endpoints(predict):
    ...     def add(x):
    ...         return {"sum": predict(tf.cast(x, tf.float32))}
    ...
    ...     pairs = tf.TensorSpec([None, 2], tf.int32)
    ...     return {"serving_default": (add, [pairs])}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     version = export(
    ...         model,
    ...         pathlib.Path(folder, "adder"),
    ...         endpoints=endpoints,
    ...         card={
    ...             "data": "none",
    ...             "metrics": {},
    ...             "command": "doctest",
    ...             "license": "Apache-2.0",
    ...         },
    ...     )
    ...     loaded = tf.saved_model.load(version)
    >>> version.name
    '1'
    >>> loaded.serving_default(tf.constant([[20, 22]]))["sum"].numpy().item()
    42.0
    """
    directory = pathlib.Path(directory).expanduser()
    check_card(card)
    archive = archive_of(model, endpoints, parts or {})
    with (
        clear_errors(directory),
        temporary_folder(directory) as folder,
    ):
        archive.write_out(folder, verbose=False)
        loaded = tf.saved_model.load(folder)  # owns what its signatures use
        signatures = loaded.signatures
        if warmup is not None:
            write_warmup_requests(folder, signatures, warmup)
        while True:
            version = next_version(directory)
            text = json.dumps(
                complete_card(
                    card,
                    name=directory.name,
                    version=version,
                    signatures=signatures,
                    parameters=model.count_params(),
                    folder=folder,
                ),
                indent=2,
            )
            (folder / "model_card.json").write_text(text + "\n")
            with contextlib.suppress(FileExistsError):
                return rename_to_new(folder, directory / str(version))


def archive_of(model, endpoints, parts):
    if not callable(endpoints):
        raise ValueError(
            "`endpoints` must be a function that takes `predict` and returns "
            f"the endpoints, not the endpoints. Received: {endpoints}"
        )
    archive = keras.export.ExportArchive()
    # On TensorFlow the endpoint brings its variables along, and a tracked
    # model would have them in the file a second time; lookup tables it does
    # not bring along.
    if keras.backend.backend() == "tensorflow":
        tracked = [layer for layer in model.layers if not layer.variables]
    else:
        tracked = [model]
    for resource in tracked:
        archive.track(resource)
    predict, *functions = (
        archive.add_endpoint(name, part.__call__, signature_of(part))
        for name, part in {"predict": model, **parts}.items()
    )
    named = endpoints(predict, **dict(zip(parts, functions, strict=True)))
    if "serving_default" not in named:
        raise ValueError(
            "An endpoint named 'serving_default' is needed: servers call it "
            f"where a request names none. Received: {sorted(named)}"
        )
    for name, (function, *signatures) in named.items():
        traced = tf.function(function, autograph=False)
        for signature in signatures:
            traced.get_concrete_function(*signature)
        archive.add_endpoint(name, traced)
    return archive


def signature_of(model):
    inputs = [tf.TensorSpec(x.shape, x.dtype) for x in model.inputs]
    return inputs if len(inputs) == 1 else [inputs]


@contextlib.contextmanager
def temporary_folder(directory):
    """A folder beside the versions that no server takes for one."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".export-", dir=directory
    ) as outer:  # only its owner may open it; what is in it is for all
        yield pathlib.Path(outer, "model")


def next_version(directory):
    """1 + the largest integer that names something in `directory`."""
    names = [path.name for path in directory.iterdir()]
    return 1 + max((int(name) for name in names if name.isdecimal()), default=0)


def rename_to_new(folder, version):
    """Renames, and raises FileExistsError where something is already."""
    try:
        return folder.rename(version)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
            raise FileExistsError(*error.args) from error
        raise


@contextlib.contextmanager
def clear_errors(directory):
    """One line for whatever TensorFlow and the system say when they fail."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        # TensorFlow: "{{node ...}} file ...; File too large [Op:SaveV2]"
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(
            getattr(error, "errno", None) or errno.EIO,
            f"{reason.splitlines()[0].rpartition('; ')[2]}: the model was not "
            "exported, versions that were there before are untouched",
            str(directory),
        ) from error
