"""Shared entry point and flags of the apps.

An app is a script that defines its flags and a function `run`. This module
parses the flags, sets the environment variables that TensorFlow reads when it
is loaded, configures logging, calls `run`, prints errors as one line and sets
the exit status. An app ends with

    if __name__ == "__main__":
        _main.run_app(define_flags, run)

An app is started as `python apps/NAME.py` or, installed, as `dlunits NAME`.
Either way it runs as the main script, and its folder is the first entry of
`sys.path`, so that `import _main` finds this file. Only absl and the standard
library are imported here, so that `--help` does not load Keras.
"""

import math
import os
import pathlib
import re
import shlex
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NoReturn

from absl import app, flags, logging

FLAGS = flags.FLAGS

# `--help` lists the flags that this module defines as flags of the app.
flags.disclaim_key_flags()

SHIPPED_MODELS = pathlib.Path(__file__).parents[1] / "saved_models"

# Arguments of `dlunits.data.tables.table_files.open_table`.
CSV_FLAGS = ("delimiter", "encoding", "decimal", "header", "header_rows")

# Name -> function that defines the flag, help text, bounds.
COMMON_FLAGS: dict[str, tuple[Callable, str, dict[str, float]]] = {
    "dataset": (
        flags.DEFINE_string,
        "Images to train on: mnist, fashion_mnist, digits (embedded, 1,797 "
        "images of 8x8 pixels), a folder with one subfolder of images per "
        "class, or auto: mnist if it is prepared or can be downloaded, else "
        "digits.",
        {},
    ),
    "data": (
        flags.DEFINE_string,
        "Your own data, instead of --dataset: a folder with one subfolder of "
        "images per class, or a CSV or Parquet file with --target.",
        {},
    ),
    "target": (
        flags.DEFINE_string,
        "Column of --data to predict. Texts, and whole numbers of up to 20 "
        "different values, are classes; other numbers are a regression.",
        {},
    ),
    "data_dir": (
        flags.DEFINE_string,
        "Folder of data sets prepared by TensorFlow Datasets. Default: the "
        "environment variable TFDS_DATA_DIR, else the default folder of "
        "TensorFlow Datasets.",
        {},
    ),
    "epochs": (
        flags.DEFINE_integer,
        "Number of epochs to train for.",
        {"lower_bound": 1, "upper_bound": 10**6},
    ),
    "batch_size": (
        flags.DEFINE_integer,
        "Number of examples per gradient step, at most the number of training "
        "examples.",
        {"lower_bound": 1, "upper_bound": 10**6},
    ),
    "steps_per_epoch": (
        flags.DEFINE_integer,
        "Number of gradient steps per epoch. Default: one pass over the "
        "training examples; small data sets are repeated within an epoch.",
        {"lower_bound": 1, "upper_bound": 10**6},
    ),
    "learning_rate": (
        flags.DEFINE_float,
        "Peak learning rate of the Adam optimizer.",
        {"lower_bound": 0},
    ),
    "model": (
        flags.DEFINE_string,
        "Folder of a SavedModel that this app exported, to use instead of "
        "training: a path, or NAME/VERSION in saved_models/ or among the "
        "models that come with dlunits. Without the version, the latest.",
        {},
    ),
    "units": (
        flags.DEFINE_integer,
        "Number of units of each hidden layer.",
        {"lower_bound": 1, "upper_bound": 10**4},
    ),
    "num_layers": (
        flags.DEFINE_integer,
        "Number of recurrent layers.",
        {"lower_bound": 1, "upper_bound": 100},
    ),
    "dropout": (
        flags.DEFINE_float,
        "Dropout rate after each hidden layer, in [0, 1).",
        {"lower_bound": 0, "upper_bound": 0.99},
    ),
    "clipnorm": (
        flags.DEFINE_float,
        "Gradient clipping: maximum global norm of the gradient over all "
        "weights. Larger gradients are scaled down to it.",
        {"lower_bound": 0},
    ),
    "escape_formulas": (
        flags.DEFINE_bool,
        "Put a ' before names and text cells of CSV output that a spreadsheet "
        "would interpret as formulas: those that begin with =, +, - or @ and "
        "are not numbers.",
        {},
    ),
    "delimiter": (
        flags.DEFINE_string,
        "Delimiter of CSV files, one character; inferred by default.",
        {},
    ),
    "encoding": (
        flags.DEFINE_string,
        "Encoding of CSV files, such as utf-8; inferred by default.",
        {},
    ),
    "decimal": (
        flags.DEFINE_string,
        "Decimal separator of CSV files, a point or a comma; inferred by "
        "default.",
        {},
    ),
    "header": (
        flags.DEFINE_bool,
        "Whether the first line of CSV files holds the column names. With "
        "--noheader the columns are named unnamed_1, unnamed_2 ... Default: "
        "true, and a first line that looks like data is an error.",
        {},
    ),
    "header_rows": (
        flags.DEFINE_integer,
        "Number of header rows of CSV files, for example 2 for names and "
        "units; they are joined by spaces. Default: 1, and a second row that "
        "looks like a header is an error.",
        {"lower_bound": 1},
    ),
    "column_type": (
        flags.DEFINE_multi_string,
        "Type of a column, as NAME=TYPE. TYPE is number, 'number [UNIT]', "
        "'number except -999' (-999 counts as missing), boolean, timestamp, "
        "timestamp_day_first, timestamp_s, _ms, _us or _ns (since 1970), "
        "timestamp_excel, timestamp_digits (such as 202401311405), category "
        "or ignored. Default: inferred.",
        {},
    ),
    "dry_run": (
        flags.DEFINE_bool,
        "Print the columns of --train with type, example and, for ignored "
        "columns, the reason; then stop without training or writing anything.",
        {},
    ),
    "patience": (
        flags.DEFINE_integer,
        "Early stopping: number of epochs without a lower validation loss "
        "after which training stops.",
        {"lower_bound": 1, "upper_bound": 10**6},
    ),
    "seed": (
        flags.DEFINE_integer,
        "Seed of all random numbers: the same seed and flags give the same "
        "weights.",
        {"lower_bound": 0, "upper_bound": 2**32 - 1},
    ),
    "workdir": (
        flags.DEFINE_string,
        "Folder of the run: checkpoint, history.csv, TensorBoard logs and "
        "report. {NAME} is replaced by the value of --NAME.",
        {},
    ),
    "export_dir": (
        flags.DEFINE_string,
        "Folder in which the SavedModel is saved under the next free version "
        "number. {NAME} is replaced by the value of --NAME.",
        {},
    ),
}


def define_common_flags(
    *, max_seed: int | None = None, **defaults: str | float | None
) -> None:
    """Defines flags with the same meaning in every app.

    Args:
        max_seed: Largest value of `--seed`. Default: `2**32 - 1`.
        **defaults: Default value of each flag to define, by its name: `epochs`,
            `seed` and so on, see `COMMON_FLAGS`.
    """
    for name, default in defaults.items():
        define, text, bounds = COMMON_FLAGS[name]
        if name == "seed" and max_seed is not None:
            bounds = {**bounds, "upper_bound": max_seed}
        define(name, default, text, **bounds)


DISTRIBUTION_FLAGS = (
    *("distribution", "coordinator", "num_processes", "process_id"),
    "watchdog",
)


def define_distribution_flags(*, processes: bool = True) -> None:
    """Defines the flags of training on several devices and hosts.

    Args:
        processes: Whether the app trains with several processes, too.
    """
    flags.DEFINE_enum(
        "distribution",
        "none",
        ["none", "mirrored", *(["data_parallel"] if processes else [])],
        "Devices to train on. none: one device. mirrored: all GPUs of this "
        "host, with KERAS_BACKEND=tensorflow. "
        + (
            "data_parallel: all devices of --num_processes processes, with "
            "KERAS_BACKEND=jax. "
            if processes
            else ""
        )
        + "--batch_size is the total over all devices.",
    )
    if not processes:
        return
    flags.DEFINE_string(
        "coordinator",
        None,
        "HOST:PORT on which process 0 listens, with "
        "--distribution=data_parallel. The defaults of this flag, "
        "--num_processes and --process_id are read from the environment "
        "variables of Keras, Kubeflow, Kubernetes or SLURM.",
    )
    flags.DEFINE_integer(
        "num_processes",
        None,
        "Number of processes of --distribution=data_parallel; all are started "
        "with the same flags.",
        1,
    )
    flags.DEFINE_integer(
        "process_id",
        None,
        "Index of this process, from 0. Process 0 writes the files.",
        0,
    )
    flags.DEFINE_float(
        "watchdog",
        300.0,
        "Timeout of --distribution=data_parallel in seconds: a process exits "
        "if no training step ends in this time, which shows that another "
        "process has stopped or hangs.",
        1,
        10**6,
    )


def start_distribution(
    distribution: str,
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    watchdog: float = 300.0,
) -> None:
    """Starts distributed training; to be called before anything is computed.

    From then on, all processes except the first print errors only.
    """
    if distribution == "none":
        return
    from dlunits.training.distribution import Cluster, find_cluster, start

    cluster = Cluster()
    if distribution == "data_parallel":
        cluster = find_cluster(coordinator, num_processes, process_id)
    job = start(distribution, cluster, watchdog=watchdog, stop=stop_at_once)
    if not job.is_first:
        sys.stdout = pathlib.Path(os.devnull).open("w")  # noqa: SIM115
    print(
        f"Distribution: {distribution}, {cluster.num_processes} process(es), "
        f"{job.num_devices} device(s)"
    )


def check_distribution(given: Collection[str]) -> None:
    """Checks that flags of processes come with data-parallel training.

    Raises:
        ValueError: If `--distribution` is not `data_parallel`.
    """
    idle = set(DISTRIBUTION_FLAGS[1:]) & set(given)
    if idle and FLAGS.distribution != "data_parallel":
        raise ValueError(
            f"{no_effect(idle)} without --distribution=data_parallel"
        )


def limit_batch_size(batch_size: int, num_images: int) -> int:
    """Limits the batch size to the number of training images.

    Prints a line if the batch size is reduced.

    Args:
        batch_size: Value of `--batch_size`.
        num_images: Number of training images.

    Returns:
        The smaller of both.
    """
    if batch_size > num_images:
        print(
            f"The batch size is reduced from {batch_size} to {num_images}, the "
            "number of training images.",
            flush=True,
        )
    return min(batch_size, num_images)


def is_installed() -> bool:
    """Whether the command `dlunits` started this process."""
    # It sets sys.argv[0] to "dlunits NAME"; otherwise that is a path.
    called = sys.argv[0]
    return called.startswith("dlunits ") and not called.endswith(".py")


def program(name: str) -> str:
    """Command that starts an app, in the form that started this process.

    Args:
        name: Name of the app, `"lenet_mnist"` for example.

    Returns:
        `"dlunits NAME"` if the installed command started this process, else
        `"python apps/NAME.py"`.
    """
    return f"dlunits {name}" if is_installed() else f"python apps/{name}.py"


def command_line(file: str) -> str:
    """Command that started this process, for reports and model cards.

    Args:
        file: `__file__` of the app.
    """
    name = pathlib.Path(file).stem
    return shlex.join([*program(name).split(), *sys.argv[1:]])


def refuse_with(
    given: Collection[str], flag: str, idle: Iterable[str], reason: str
) -> None:
    """Checks for flags that have no effect together with another one.

    Args:
        given: Names of the flags on the command line.
        flag: Name of the flag that makes others ineffective.
        idle: Names of the ineffective flags.
        reason: Reason, as a clause: "nothing is trained".

    Raises:
        ValueError: If `flag` and one of `idle` are given.
    """
    found = set(idle) & set(given)
    if flag in given and found:
        raise ValueError(f"{no_effect(found)} with --{flag}: {reason}")


def refuse_without(
    given: Collection[str], needed: Collection[str], idle: Iterable[str]
) -> None:
    """Checks for flags that have an effect only together with another one.

    Args:
        given: Names of the flags on the command line.
        needed: Names of flags, one of which must be given.
        idle: Names of the flags that have no effect without it.

    Raises:
        ValueError: If one of `idle` is given and none of `needed`.
    """
    found = set(idle) & set(given)
    if found and not set(needed) & set(given):
        options = " or ".join(f"--{name}" for name in needed)
        raise ValueError(f"{no_effect(found)} without {options}")


def check_output(
    output: str | None,
    suffixes: Collection[str],
    inputs: Mapping[str, str | None],
) -> None:
    """Checks that `--output` does not replace an input file.

    Args:
        output: Path of the file to write, or `None`, which passes.
        suffixes: Suffixes of the files that the app writes, such as ".csv".
        inputs: Paths of the files that the app reads, by the name of the flag.

    Raises:
        ValueError: If `output` has another suffix, or is one of the input
            files.
    """
    if output is None:
        return
    path = expanded_path(output)
    if path.suffix.lower() not in suffixes:
        raise ValueError(
            f"--output must end in {' or '.join(suffixes)}. Received: {output}"
        )
    for name, value in inputs.items():
        given = value and expanded_path(value)
        if given and given.exists() and path.exists() and path.samefile(given):
            raise ValueError(
                f"--output would replace the file of --{name}: choose another "
                f"file. Received: {output}"
            )


def expanded_path(path: str | pathlib.Path) -> pathlib.Path:
    """Path with `~` replaced by the home directory, if that is known."""
    return pathlib.Path(os.path.expanduser(path))  # noqa: PTH111


def no_effect(names: Collection[str]) -> str:
    """Start of an error message about flags without effect.

    >>> no_effect(["seed"]), no_effect({"window", "epochs"})
    ('--seed has no effect', '--epochs, --window have no effect')
    """
    listed = ", ".join(f"--{name}" for name in sorted(names))
    return f"{listed} {'has' if len(names) == 1 else 'have'} no effect"


def choose_mode(
    given: Collection[str], modes: dict[str, Collection[str]]
) -> str:
    """Mode of an app, such as training or scoring, selected by its flags.

    Args:
        given: Names of the flags on the command line.
        modes: Names of the flags of each mode, by the name of the flag that
            selects the mode. The first one is the default.

    Returns:
        Key of `modes`.

    Raises:
        ValueError: If two modes are selected, or if a flag has no effect in
            the selected mode.

    Example:

    >>> modes = {"train": ["train", "seed"], "model": ["model", "seed"]}
    >>> choose_mode(["model", "seed"], modes)
    'model'
    """
    selected = [name for name in modes if name in given]
    if len(selected) > 1:
        options = ", ".join(f"--{name}" for name in selected)
        raise ValueError(f"Expected only one of {options}. Received all")
    default = next(iter(modes))
    mode = selected[0] if selected else default
    for name in sorted(given):
        others = [
            f"--{other}" for other, names in modes.items() if name in names
        ]
        if others and name not in modes[mode]:
            suffix = "" if selected else ", the default"
            raise ValueError(
                f"--{name} has no effect with --{mode}{suffix}: it belongs to "
                f"{' and '.join(others)}"
            )
    return mode


def run_app(
    define_flags: Callable[[], None],
    run: Callable[..., int | None],
    *,
    check_flags: Callable[[set[str]], None] | None = None,
    positional: str | None = None,
    output_suffixes: Collection[str] = (),
    input_flags: Collection[str] = (),
    resumes: bool = False,
    onednn: bool = False,
    log_warnings: bool = True,
    tf_log_level: int = 2,
) -> None:
    """Parses the command line, runs an app, and exits.

    `OSError` and `ValueError` become one line on stderr and exit status 1. If
    the reader of standard output exits early, as in `| head`, the app exits
    without a message, with the status of a broken pipe.

    Args:
        define_flags: Defines the flags of the app.
        run: Takes the value of each flag by name, and returns the exit status;
            `None` is 0.
        check_flags: Takes the names of the flags that the command line sets,
            and raises `ValueError` if they cannot be combined.
        positional: Argument of `run` that takes the list of positional
            arguments. By default they are an error.
        output_suffixes: Suffixes of the file `--output`, such as ".csv"; empty
            if the app has no such flag.
        input_flags: Names of the flags of input files, which `--output` must
            not replace.
        resumes: Whether the same command resumes an interrupted run, as the
            message after Ctrl-C then states.
        onednn: Whether TensorFlow uses oneDNN, see
            docs/decisions/0003-convolutions.md.
        log_warnings: Whether absl's warnings are shown. TensorFlow warns of
            retracing where one process trains many models.
        tf_log_level: `TF_CPP_MIN_LOG_LEVEL`, unless the environment sets it.
    """

    def main(argv: list[str]) -> None:
        logging.set_verbosity(
            logging.WARNING if log_warnings else logging.ERROR
        )
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", str(tf_log_level))
        if onednn:
            os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
        open_closed_streams()
        if hasattr(sys.stdout, "reconfigure"):
            # Lines appear at once in a pipe or a log file. Characters that the
            # terminal cannot encode are escaped, as on stderr.
            sys.stdout.reconfigure(
                line_buffering=True, errors="backslashreplace"
            )
        own = FLAGS.get_key_flags_for_module(sys.argv[0])
        values: dict[str, Any] = {flag.name: flag.value for flag in own}
        if positional:
            values[positional] = argv[1:]
        try:
            if argv[1:] and not positional:
                raise ValueError(
                    f"Unknown arguments: {argv[1:]}. Options are flags, "
                    "--NAME=VALUE; --help lists them"
                )
            check_finite(own)
            if output_suffixes:
                inputs = {name: values[name] for name in input_flags}
                check_output(values["output"], output_suffixes, inputs)
            given = {flag.name for flag in own if flag.present}
            if check_flags:
                check_flags(given)
            if "distribution" in values:
                check_distribution(given)
                chosen = values.keys() & set(DISTRIBUTION_FLAGS)
                start_distribution(**{n: values.pop(n) for n in chosen})
            status = run(**values)
            sys.stdout.flush()
            sys.exit(status)
        except BrokenPipeError:
            # Python flushes the standard output at exit, which would fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)
        except (OSError, ValueError) as error:
            fail(error)
        except KeyboardInterrupt:
            fail(
                "stopped; run the same command again to resume"
                if resumes
                else "stopped"
            )

    define_flags()
    if is_installed():  # `--help` shows the docstring
        script = sys.modules["__main__"]
        script.__doc__ = re.sub(
            r"python apps/(\w+)\.py", r"dlunits \1", script.__doc__ or ""
        )
    app.run(main, flags_parser=parse_flags)


def check_finite(given: Iterable[flags.Flag]) -> None:
    """Checks for NaN and infinity, which the bounds of flags do not exclude.

    Args:
        given: Flags, with their values.

    Raises:
        ValueError: If a value is not finite.
    """
    for flag in given:
        if isinstance(flag.value, float) and not math.isfinite(flag.value):
            raise ValueError(
                f"--{flag.name} must be a finite number. Received: {flag.value}"
            )


def open_closed_streams() -> None:
    """Replaces standard streams that the caller closed, as with `>&-`."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            stream = pathlib.Path(os.devnull).open(mode)  # noqa: SIM115
            setattr(sys, name, stream)


def parse_flags(arguments: list[str]) -> list[str]:
    """Parses flags; returns the program name and the positional arguments."""
    try:
        return FLAGS(arguments)
    except SystemExit:  # absl's, with status 1, after it has printed help
        sys.exit(0)
    except flags.Error as error:
        fail(f"{error}; --help lists the flags")


def warn(message: object) -> None:
    """Prints one line on stderr, after the name of the app."""
    print(one_line(message), file=sys.stderr, flush=True)


def fail(message: object) -> NoReturn:
    """Prints one line on stderr, and exits with status 1."""
    distribution = FLAGS.is_parsed() and getattr(FLAGS, "distribution", "none")
    if distribution == "data_parallel":
        # A normal exit of Python would wait for the other processes.
        stop_at_once(message)
    sys.exit(one_line(message))


def stop_at_once(message: object) -> NoReturn:
    """Same as `fail`, but also from a thread while the main thread waits."""
    warn(message)
    sys.stdout.flush()
    os._exit(1)


def one_line(message: object) -> str:
    text = " ".join(str(message).splitlines())
    return f"{pathlib.Path(sys.argv[0]).name}: {text}"
