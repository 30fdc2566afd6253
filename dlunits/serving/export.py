"""Export of models as versioned SavedModels for TensorFlow Serving."""

import contextlib
import errno
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from dlunits.atomic_files import HOST, is_abandoned
from dlunits.paths import expand_user
from dlunits.serving.model_card import check_card, complete_card
from dlunits.serving.warmup import write_warmup_requests
from dlunits.typing import Path


def export(
    model: keras.Model,
    directory: Path,
    *,
    endpoints: Callable[..., dict[str, tuple]],
    card: dict[str, Any],
    warmup: dict[str, Any] | None = None,
    parts: dict[str, keras.Model] | None = None,
) -> pathlib.Path:
    """Exports a model as the next version in a folder, atomically.

    The SavedModel, its `model_card.json` and its warm-up requests are written
    under a temporary name, which TensorFlow Serving ignores because it is not
    an integer. They are loaded once as a check, and then renamed to the next
    integer. Versions are never overwritten, and several processes can export
    to one folder at the same time.

    Besides the given endpoints there is always `predict`, which returns the
    same as `model.predict`.

    Args:
        model: Built Keras model, on the TensorFlow or the JAX backend.
        directory: Folder of the model, `saved_models/<name>`; it is created if
            needed, and its name is the name of the model in the card.
        endpoints: Function of `predict`, the model as a TensorFlow function
            from tensor to tensor. It returns a dict from endpoint name to
            `(function, signature, *other_signatures)`. A signature is a list
            of `tf.TensorSpec`, one for each argument. Servers offer the first
            signature; in Python all of them can be called. The names must
            include `serving_default`. Functions are traced without AutoGraph.
        card: Dict of entries of the model card, see
            `dlunits.serving.model_card.complete_card`. `batched` lists the
            endpoints whose result for an example does not depend on the other
            examples of the call: a server may batch requests to them.
        warmup: Dict from endpoint name to the arguments of a typical call, as
            a list or as a dict by name. A server makes these calls before it
            accepts requests.
        parts: Dict from name to a Keras model that is a part of `model`, such
            as its encoder. Each part becomes an endpoint of that name, and is
            passed to `endpoints` as a keyword argument.

    Returns:
        `pathlib.Path` of the new version.

    Raises:
        ValueError: If the endpoints or the card are incomplete, or the backend
            is neither TensorFlow nor JAX.
        OSError: If the version cannot be written: no permission, a file of
            that name, or a full disk. No partial version remains.

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
    directory = expand_user(directory)
    check_card(card)
    archive = build_archive(model, endpoints, parts or {})
    with (
        one_line_errors(directory),
        temporary_folder(directory) as folder,
    ):
        archive.write_out(folder, verbose=False)
        loaded = tf.saved_model.load(folder)  # keeps its variables alive
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


def build_archive(
    model: keras.Model,
    endpoints: Callable[..., dict[str, tuple]],
    parts: dict[str, keras.Model],
) -> keras.export.ExportArchive:
    """Builds an archive with the endpoints of a model and its parts."""
    if not callable(endpoints):
        raise ValueError(
            "`endpoints` must be a function of `predict` that returns a dict "
            f"of endpoints. Received: {endpoints}"
        )
    if keras.backend.backend() not in ("tensorflow", "jax"):
        raise ValueError(
            "SavedModels are exported on the backends 'tensorflow' and 'jax'. "
            "Save the model as a .keras file, and load it with "
            "KERAS_BACKEND=tensorflow and `compile=False`. Received: "
            f"backend={keras.backend.backend()!r}"
        )
    archive = keras.export.ExportArchive()
    # On TensorFlow an endpoint tracks its own variables but not its lookup
    # tables. A tracked model would store the variables twice.
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
            "`endpoints` must include 'serving_default', which servers call if "
            f"a request names no endpoint. Received: {sorted(named)}"
        )
    # A function with two names is traced and stored only once.
    traced_functions: dict[Callable[..., Any], Any] = {}
    for name, (function, *signatures) in named.items():
        if keras.backend.backend() == "tensorflow" and len(signatures) == 1:
            # Keras traces it while saving. If it were traced before, it would
            # be traced again, and both graphs would be stored.
            traced_functions[function] = archive.add_endpoint(
                name, traced_functions.get(function, function), *signatures
            )
            continue
        traced = traced_functions.setdefault(
            function, tf.function(function, autograph=False)
        )
        for signature in signatures:
            traced.get_concrete_function(*signature)
        archive.add_endpoint(name, traced)
    return archive


def signature_of(model: keras.Model) -> list:
    """Input signature of a model."""
    inputs = [tf.TensorSpec(x.shape, x.dtype) for x in model.inputs]
    return inputs if len(inputs) == 1 else [inputs]


@contextlib.contextmanager
def temporary_folder(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """Temporary folder beside the versions, with a name that servers ignore."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob(".export.*"):
        if is_abandoned(old):  # left by a killed process
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=f".export.{HOST}.{os.getpid()}.", dir=directory
    ) as outer:  # readable only by its owner; a subfolder has the usual modes
        yield pathlib.Path(outer, "model")


def next_version(directory: pathlib.Path) -> int:
    """Next version: 1 + the largest integer among the names in a folder."""
    names = [path.name for path in directory.iterdir()]
    return 1 + max((int(name) for name in names if name.isdecimal()), default=0)


def rename_to_new(folder: pathlib.Path, version: pathlib.Path) -> pathlib.Path:
    """Renames a folder; raises FileExistsError if the new name is taken."""
    try:
        return folder.rename(version)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
            raise FileExistsError(*error.args) from error
        raise


@contextlib.contextmanager
def one_line_errors(directory: pathlib.Path) -> Iterator[None]:
    """Converts errors of TensorFlow and the system to a one-line OSError."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        # TensorFlow: "{{node ...}} file ...; File too large [Op:SaveV2]"
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(
            getattr(error, "errno", None) or errno.EIO,
            f"{reason.splitlines()[0].rpartition('; ')[2]}: the model was not "
            "exported; existing versions are unchanged",
            str(directory),
        ) from error
