"""Fuzz test of the apps: damaged files, unusual names, flags out of range.

Every run must end by itself with an exit status and, if it fails, one line on
stderr. It must not change the files of the user, and must leave no temporary
file.

Usage:
    python benchmarks/bad_inputs.py [--quick]

Expected: 2,000 runs in about an hour on 2 CPU cores; --quick: 100 runs.
"""

import argparse
import collections
import dataclasses
import gc
import itertools
import json
import math
import os
import pathlib
import random
import re
import runpy
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from gates import gate
from PIL import Image

APPS = pathlib.Path(__file__).parents[1] / "apps"
MAX_SECONDS = 180
MAX_MEMORY = 4.0  # GiB
TEMPORARY = re.compile(r"\.unfinished$|^\.export-")
# Status of an app, of absl for wrong flags, and of a broken pipe.
STATUSES = {0, 1}

SMALL_TRAINING = ("--epochs=1", "--batch_size=8")
SMALL_IMAGES = ("--dataset=digits", "--steps_per_epoch=2", *SMALL_TRAINING)
SMALL_TEXT = (*SMALL_TRAINING, "--units=8", "--bptt_steps=8")
SMALL_SERIES = (
    *("--timestamp_column=time", "--horizon=2", "--window=8"),
    *("--method=linear", *SMALL_TRAINING),
)

# App -> flags of the run that makes its model, and flags that use a model.
MODELS = {
    "lenet_mnist": (SMALL_IMAGES, None),
    "gan_mnist": (SMALL_IMAGES, ("--generate=4", "--output=grid.png")),
    "denoising_mnist": (
        SMALL_IMAGES,
        ("--input=digit.png", "--output=denoised"),
    ),
    "text_generation": (
        ("--train=text.txt", *SMALL_TEXT),
        ("--generate", "--prompt=to", "--length=5"),
    ),
    "anomaly_detection": (
        ("--train=table.csv", "--num_folds=2"),
        ("--score=table.csv", "--output=scored.csv"),
    ),
    "forecast_series": (
        ("--train=series.csv", *SMALL_SERIES),
        ("--history=series.csv", "--output=forecast.csv"),
    ),
}

# App -> flags of a short run, and numeric flags to change.
NUMBERS = {
    "lenet_mnist": (
        SMALL_IMAGES,
        ("epochs", "batch_size", "steps_per_epoch", "learning_rate", "seed"),
    ),
    "gan_mnist": (
        SMALL_IMAGES,
        ("latent_dim", "label_smoothing", "batch_size", "learning_rate"),
    ),
    "denoising_mnist": (
        SMALL_IMAGES,
        ("noise_level", "patience", "learning_rate"),
    ),
    "text_generation": (
        ("--train=text.txt", *SMALL_TEXT),
        (
            *("units", "num_layers", "dropout", "clipnorm", "bptt_steps"),
            *("vocabulary_size", "patience", "seed", "learning_rate"),
        ),
    ),
    "anomaly_detection": (
        ("--train=table.csv", "--num_folds=2"),
        ("false_alarm_rate", "contamination", "num_folds", "image_size"),
    ),
    "forecast_series": (
        ("--train=series.csv", *SMALL_SERIES),
        ("horizon", "window", "segment_length", "coverage", "season", "units"),
    ),
}
VALUES = (
    *("nan", "inf", "-inf", "1e309", "-1", "0", "", "x", "1e-300"),
    *("10" * 20, "99999999999999999999999", "1000000", "0x10", "1,5"),
)
PATH_FLAGS = {
    "lenet_mnist": ("workdir", "export_dir", "dataset", "data_dir"),
    "autoencoder_mnist": ("dataset",),
    "gradient_flow": ("workdir", "dataset"),
    "sequence_digits": ("dataset",),
    "gan_mnist": ("model", "output", "workdir"),
    "denoising_mnist": ("model", "input", "output"),
    "recognize_digits": ("model",),
    "text_generation": ("train", "score", "model", "workdir"),
    "anomaly_detection": ("train", "score", "model", "output", "workdir"),
    "forecast_series": ("train", "history", "model", "output", "workdir"),
}
PATHS = (
    *("~nobody_of_this_name/x", "a" * 300, "a/" * 3000 + "b", "missing"),
    *("/dev/null", "folder", "fifo", "table.csv", "digit.png/x", "{unknown}"),
    *("b\udcffd.csv", "a\nb", "", ".", "/proc/self/mem", "{", "link"),
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A run with a bad input.

    Args:
        kind: Name of the kind.
        app: Name of the app.
        flags: Its command line.
        stdin: Its standard input.
        output: Name of the file of `write_inputs` that the run may replace.
    """

    kind: str
    app: str
    flags: tuple[str, ...]
    stdin: bytes = b""
    output: str = ""


def write_inputs(folder: pathlib.Path, rng: random.Random) -> None:
    """Writes valid inputs of all apps to a folder, and unusual entries."""
    rows = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(120)]
    lines = [",".join(f"{x:.3f}" for x in row) for row in rows]
    (folder / "table.csv").write_text("\n".join(["a,b,c", *lines]) + "\n")
    times = [f"2024-01-{1 + i // 24:02} {i % 24:02}:00" for i in range(300)]
    lines = [f"{time},{i % 24 + rng.random()}" for i, time in enumerate(times)]
    (folder / "series.csv").write_text("\n".join(["time,load", *lines]) + "\n")
    (folder / "text.txt").write_text("to be or not to be\n" * 200)
    digit = np.full((64, 64), 250, "uint8")
    digit[8:56, 28:36] = 10
    Image.fromarray(digit).save(folder / "digit.png")
    for name in "ab":
        (folder / "classes" / name).mkdir(parents=True)
        for number in range(20):
            path = folder / "classes" / name / f"{number}.png"
            Image.fromarray(digit[: 30 + number]).save(path)
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("nowhere")
    os.mkfifo(folder / "fifo")


def damage(data: bytes, rng: random.Random) -> bytes | None:
    """Damaged contents of a file; `None` if it is to be removed."""
    place = rng.randrange(len(data) + 1)
    flipped = bytearray(data)
    for _ in range(rng.choice([1, 20])):
        if flipped:
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return rng.choice(
        [
            *(data[:place], data[:place], b"", bytes(flipped), bytes(flipped)),
            *(data[:place] + rng.randbytes(50) + data[place:], None),
            *(rng.randbytes(200), b"\0" * len(data)),
        ]
    )


def damage_json(text: str, rng: random.Random) -> str:
    """JSON in which a value has another type or is missing, or no JSON."""
    other: list[str | int | float | list | dict | None] = [
        *(None, [], {}, "", "x", -1, 0, 1e308, 10**9, 10**30, [[]], True),
    ]
    whole = ["[]", "null", "3", '"x"', "", "[" * 100_000, '{"a":' * 100_000]
    if rng.random() < 0.3:
        return rng.choice(whole)
    card = json.loads(text)
    parent = card
    while True:
        keys = list(parent) if isinstance(parent, dict) else range(len(parent))
        key = rng.choice(list(keys))
        child = parent[key]
        if not (isinstance(child, dict | list) and child) or (
            rng.random() < 0.3
        ):
            break
        parent = child
    if rng.random() < 0.3:
        del parent[key]
    else:
        parent[key] = rng.choice(other)
    return json.dumps(card)


def damage_file(path: pathlib.Path, rng: random.Random) -> None:
    if path.suffix == ".json" and rng.random() < 0.7:
        path.write_text(damage_json(path.read_text(), rng))
        return
    data = damage(path.read_bytes(), rng)
    path.unlink()
    if data is not None:
        path.write_bytes(data)


def damaged_model(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    app = rng.choice([*MODELS, "recognize_digits"])
    maker = app if MODELS.get(app, (0, 0))[1] else "lenet_mnist"
    shutil.copytree(models / maker / "model/1", folder / "model/1")
    card = folder / "model/1/model_card.json"
    files = [path for path in folder.glob("model/1/**/*") if path.is_file()]
    # Half of the runs: the card, which only some apps read.
    damage_file(rng.choice([rng.choice(files), card]), rng)
    if maker == "lenet_mnist":
        app, use = "recognize_digits", ("digit.png",)
    else:
        use = MODELS[app][1]
    return Case("damaged model", app, ("--model=model/1", *use))


def damaged_checkpoint(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    app = rng.choice([app for app in MODELS if app != "anomaly_detection"])
    shutil.copytree(models / app / "run", folder / "run")
    files = [path for path in folder.glob("run/**/*") if path.is_file()]
    checkpoint = folder / "run/checkpoint.npz"
    if not checkpoint.exists():  # a closed-form fit has none
        checkpoint = rng.choice(files)
    if rng.random() < 0.4 and checkpoint.name == "checkpoint.npz":
        with np.load(checkpoint) as saved:
            arrays = dict(saved)
        text = damage_json(arrays["text"].item(), rng)
        np.savez(checkpoint, **{**arrays, "text": np.array(text)})
    else:
        damage_file(rng.choice([rng.choice(files), checkpoint]), rng)
    return Case("damaged run", app, MODELS[app][0])


def bad_number(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    del folder, models
    app = rng.choice(list(NUMBERS))
    flags, names = NUMBERS[app]
    name, value = rng.choice(names), rng.choice(VALUES)
    if name in ("epochs", "steps_per_epoch") and value == "1000000":
        value = "1000001"  # the bound itself is a long run, and no error
    return Case("number", app, (*flags, f"--{name}={value}"))


def bad_sampling(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    """Bad options of models that are not damaged."""
    app = rng.choice(["gan_mnist", "text_generation"])
    shutil.copytree(models / app / "model/1", folder / "model/1")
    names = {
        "gan_mnist": ("generate", "label", "seed"),
        "text_generation": (
            *("length", "temperature", "top_k", "top_p", "num_samples"),
            *("seed", "prompt", "stop", "interactive"),
        ),
    }[app]
    name, value = rng.choice(names), rng.choice(VALUES)
    if (name, value) == ("length", "1000000"):
        value = "100000000"  # a million is a long run, and no error
    flag = f"--{name}={value}"
    stdin = rng.choice([b"", b"\n\n", b"to\r\n", b"\xff\xfe\n", b"to"])
    use = MODELS[app][1]
    return Case("sampling", app, ("--model=model/1", *use, flag), stdin)


def bad_path(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    app = rng.choice(list(PATH_FLAGS))
    name, path = rng.choice(PATH_FLAGS[app]), rng.choice(PATHS)
    flags: tuple[str, ...] = ()
    if app in MODELS:
        made, use = MODELS[app]
        flags = made
        if name in ("model", "output", "score", "history", "input") and use:
            shutil.copytree(models / app / "model/1", folder / "model/1")
            flags = ("--model=model/1", *use)
    elif app == "recognize_digits":
        flags = ("digit.png",)
    elif app == "gradient_flow":
        flags = (
            *("--lags=10", "--steps_per_epoch=1", "--units=4"),
            *SMALL_TRAINING,
        )
    else:
        flags = SMALL_IMAGES[:1] + SMALL_IMAGES[2:]
    if (app, name) == ("text_generation", "score"):
        return Case("path", app, ("--model=model/1", f"--score={path}"))
    # A table that is not an input is replaced, as documented.
    free = (app, name, path) == ("forecast_series", "output", "table.csv")
    return Case(
        "path",
        app,
        (*flags, f"--{name}={path}"),
        output="table.csv" if free else "",
    )


def bad_output(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    """Output paths that are inputs, or files of another kind."""
    app = rng.choice(["anomaly_detection", "forecast_series", "gan_mnist"])
    made, use = MODELS[app]
    flags = made if rng.random() < 0.5 and app == "forecast_series" else use
    if flags is use:
        shutil.copytree(models / app / "model/1", folder / "model/1")
        flags = ("--model=model/1", *use)
    (folder / "thesis.docx").write_bytes(b"chapter 1")
    (folder / "same.csv").symlink_to("table.csv")
    os.link(folder / "series.csv", folder / "hard.csv")
    output = rng.choice(
        [
            *("table.csv", "series.csv", "thesis.docx", "same.csv"),
            *("./table.csv", "folder/../series.csv", "hard.csv", "digit.png"),
            *("model/1/model_card.json", "folder", "missing/x.csv", "x"),
        ]
    )
    # A file of the right kind that is not an input is replaced, as documented.
    used = "table.csv" if app == "anomaly_detection" else "series.csv"
    target = (folder / output).resolve().name
    free = {"table.csv", "series.csv"} - {used} if ".csv" in output else set()
    if app == "anomaly_detection":
        free.add("hard.csv")
    if app == "gan_mnist":
        free = {"digit.png"}
    return Case(
        "output",
        app,
        (*flags, f"--output={output}"),
        output=target if target in free else "",
    )


def bad_table(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    app = rng.choice(["anomaly_detection", "forecast_series"])
    good = {"anomaly_detection": "table.csv", "forecast_series": "series.csv"}
    data = (folder / good[app]).read_bytes()
    header, rest = data.split(b"\n", 1)
    first, *names = header.split(b",")
    odd_name = rng.choice(
        [
            *(b"price_$_per_$", b"=1+1", b"<script>", b"$\\frac$", b"", b" "),
            *("\u4ef7\u683c".encode(), b"\xff", b'"a\nb"', b"_" * 300),
        ]
    )
    cell = rng.choice(
        [
            *(b"1e400", b"nan", b"inf", b"-", b"=cmd()", b"9" * 400, b'"'),
            *(b"x", b"\0", b"\xff", b"1,5,9", b"NA", b"99999-01-01", b""),
        ]
    )
    lines = rest.splitlines()
    place = rng.randrange(len(lines))
    column = rng.randrange(len(names) + 1)
    cells = lines[place].split(b",")
    cells[column] = cell
    lines[place] = b",".join(cells)
    changed = header + b"\n" + b"\n".join(lines)
    (folder / "bad").write_bytes(
        rng.choice(
            [
                *(damage(data, rng) or b"", damage(data, rng) or b""),
                *(changed, changed, header, header + b"\n", data * 2),
                b",".join([first, odd_name, *names[1:]]) + b"\n" + rest,
                b",".join([odd_name, *names]) + b"\n" + rest,
                data.decode().encode(rng.choice(["utf-16", "utf-32", "cp037"])),
                data.replace(b"\n", b"\r"),
                parquet_bytes(rng),
                damage(parquet_bytes(rng), rng) or b"",
            ]
        )
    )
    made, use = MODELS[app]
    name = good[app]
    flags = made
    if rng.random() < 0.5:
        shutil.copytree(models / app / "model/1", folder / "model/1")
        flags = ("--model=model/1", *use)
    flags = tuple(flag.replace(name, "bad") for flag in flags)
    more = rng.choice(
        [
            *((), (), (), ("--encoding=rot13",), ("--encoding=idna",)),
            *(("--encoding=hex",), ("--encoding=utf-7",), ("--decimal=,",)),
            *(("--delimiter=",), ("--delimiter=ab",), ("--delimiter=\n",)),
            *(("--encoding=\n",), ("--encoding=undefined",)),
        ]
    )
    return Case("table", app, (*flags, *more))


def parquet_bytes(rng: random.Random) -> bytes:
    """Parquet file without columns or rows, or with unusual types and dates."""
    dates = pa.array([2**62, -(2**62), 0] * 30, pa.timestamp("us"))
    numbers = pa.array([1.0, 2.0, None] * 30)
    table = rng.choice(
        [
            pa.table({}),
            pa.table({"time": dates, "load": numbers}),
            pa.table({"time": dates[:0], "load": numbers[:0]}),
            pa.table({"a": [[1]] * 90, "b": [{"x": 1}] * 90, "c": numbers}),
            pa.table({"a": pa.nulls(90), "b": numbers, "c": numbers}),
            pa.table({"a": [b"\xff"] * 90, "b": numbers, "c": numbers}),
            pa.table({"time": pa.array([1] * 90, pa.duration("s"))}),
        ]
    )
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def bad_image(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    data = (folder / "digit.png").read_bytes()
    path = folder / rng.choice(["bad.png", "bad.jpg", "bad.tif", "b\udcff.png"])
    how = rng.randrange(7)
    if how == 0:
        path.write_bytes(damage(data, rng) or b"")
    elif how == 1:  # 39 megapixels in a column
        Image.new("L", (rng.choice([1, 3]), 13_000_000)).save(path, "TIFF")
    elif how == 2:
        os.mkfifo(path)
    elif how == 3:
        path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    elif how == 4:
        pages = [Image.new("L", (20, 20), 99 * i) for i in range(3)]
        pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:])
    elif how == 5:
        nan = np.full((30, 30), rng.choice([np.nan, 1e30, -1]), "float32")
        Image.fromarray(nan).save(path, "TIFF")
    else:
        path.write_bytes(data[:33] + rng.randbytes(100))
    app = rng.choice(["recognize_digits", "denoising_mnist", "lenet_mnist"])
    if app == "recognize_digits":
        return Case("image", app, (str(path.name), "digit.png"))
    if app == "lenet_mnist":
        path.rename(folder / "classes/a" / path.name)
        flags = ("--dataset=classes", *SMALL_IMAGES[1:])
        return Case("image", app, flags)
    shutil.copytree(models / app / "model/1", folder / "model/1")
    flags = ("--model=model/1", f"--input={path.name}", "--output=denoised")
    return Case("image", app, flags)


def bad_text(
    folder: pathlib.Path, models: pathlib.Path, rng: random.Random
) -> Case:
    data = (folder / "text.txt").read_bytes()
    (folder / "bad").write_bytes(
        rng.choice(
            [
                *(damage(data, rng) or b"", data.decode().encode("utf-16")),
                *(b"", b"a", b"\xff" * 99, b"a" * 10_000, b"\0" * 999, b"\r"),
                b"\xef\xbb\xbf" + data,
            ]
        )
    )
    token_type = f"--token_type={rng.choice(['byte', 'character', 'word'])}"
    if rng.random() < 0.5:
        app, name = "text_generation", "model/1"
        shutil.copytree(models / app / name, folder / name)
        return Case("text", app, (f"--model={name}", "--score=bad"))
    flags = ("--train=bad", *SMALL_TEXT, token_type)
    return Case("text", "text_generation", flags)


KINDS: tuple[Callable[..., Case], ...] = (
    *(damaged_model, damaged_model, damaged_checkpoint, bad_number, bad_path),
    *(bad_sampling, bad_output, bad_table, bad_table, bad_image, bad_text),
)


def contents(folder: pathlib.Path) -> dict[pathlib.Path, bytes]:
    """Bytes of all regular files of a folder."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".run.")
    }


def find_faults(
    status: int, stderr: str, before: dict, after: dict, gibibytes: float
) -> Iterator[str]:
    """Faults of a run, one line each.

    Args:
        status: Exit status; that of a signal is negative.
        stderr: Standard error.
        before, after: Results of `contents`. Files that a run may change are
            not in `before`.
        gibibytes: Largest resident memory, in GiB.
    """
    last = (stderr.strip().splitlines() or [""])[-1]
    if status == -signal.SIGALRM:
        yield f"hang: not finished after {MAX_SECONDS} s"
    elif status not in STATUSES:
        yield f"exit status {status}: {last[:200]}"
    if "Traceback" in stderr:
        yield f"traceback: {last[:200]}"
    if status == 1 and not last:
        yield "no message"
    if gibibytes > MAX_MEMORY:
        yield f"memory: {gibibytes:.1f} GiB"
    for path, data in before.items():
        if path not in after:
            yield f"lost file: {path.name}"
        elif after[path] != data:
            yield f"changed file: {path.name}"
    for path in after:
        if TEMPORARY.search(path.name) or any(
            TEMPORARY.search(part) for part in path.parts
        ):
            yield f"left over: {path.name}"


def in_child(
    app: str, folder: pathlib.Path, flags: tuple[str, ...], stdin: bytes
) -> None:
    """Runs an app in this process, a fork."""
    streams = pathlib.Path(f"{folder}.streams")
    streams.mkdir()
    (streams / "0").write_bytes(stdin)
    for number, mode in enumerate(["rb", "wb", "wb"]):
        with (streams / str(number)).open(mode) as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(MAX_SECONDS)
    sys.argv = [str(APPS / f"{app}.py"), *flags]
    sys.path.insert(0, str(APPS))
    runpy.run_path(sys.argv[0], run_name="__main__")


def start(
    app: str, folder: pathlib.Path, flags: tuple[str, ...], stdin: bytes = b""
) -> int:
    """Runs an app in a fork of this process; returns its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        # Context managers around this call must not clean up in the child.
        try:
            in_child(app, folder, flags, stdin)
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
            if error.code is None:
                status = 0
            elif error.code != status:
                print(error.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return child


def set_environment(home: pathlib.Path) -> None:
    """Sets an environment without prepared data and without a network."""
    os.environ.update(HOME=str(home), TFDS_DATA_DIR=str(home))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ[name] = "http://127.0.0.1:9"
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1")
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"


def preload() -> None:
    """Imports the packages of the apps; none may compute before a fork."""
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import tensorflow  # noqa: F401

    import dlunits.data
    import dlunits.models
    import dlunits.reporting
    import dlunits.serving
    import dlunits.training  # noqa: F401

    gc.freeze()


def train_models(models: pathlib.Path) -> None:
    """Trains a model with each app of `MODELS`, in `models/APP/model/1`."""
    for app, (flags, _) in MODELS.items():
        folder = models / app
        folder.mkdir(parents=True)
        write_inputs(folder, random.Random(0))  # noqa: S311
        flags = (*flags, "--export_dir=model", "--workdir=run")
        _, status = os.waitpid(start(app, folder, flags), 0)
        if status:
            sys.exit(pathlib.Path(f"{folder}.streams/2").read_text())


def make_case(folder: pathlib.Path, models: pathlib.Path, number: int) -> Case:
    """Writes the inputs of a case to a new folder."""
    rng = random.Random(number)  # noqa: S311
    folder.mkdir(parents=True)
    write_inputs(folder, rng)
    case = KINDS[number % len(KINDS)](folder, models, rng)
    places = ("--export_dir=exported", "--workdir=run")
    own = [flag.partition("=")[0] for flag in case.flags]
    if "--model=model/1" in case.flags or case.app == "recognize_digits":
        places = ()
    elif case.app == "gradient_flow":
        places = ("--workdir=run",)
    more = [flag for flag in places if flag.partition("=")[0] not in own]
    return dataclasses.replace(case, flags=(*case.flags, *more))


def run_cases(
    models: pathlib.Path,
    folder: pathlib.Path,
    numbers: range,
    jobs: int,
    seconds: float,
) -> Iterator[tuple[int, Case, list[str]]]:
    """Runs cases in parallel; after a time limit, no further one is started.

    Yields:
        `(number, case, faults)`.
    """
    running: dict[int, tuple] = {}
    end = time.monotonic() + seconds
    waiting = itertools.takewhile(lambda _: time.monotonic() < end, numbers)
    while True:
        for number in waiting:
            place = folder / str(number)
            case = make_case(place, models, number)
            kept = {
                path: data
                for path, data in contents(place).items()
                if path.relative_to(place).parts[0] != "run"
                and path.resolve().name != case.output
            }
            child = start(case.app, place, case.flags, case.stdin)
            running[child] = (number, case, place, kept)
            if len(running) == jobs:
                break
        if not running:
            return
        child, status, usage = os.wait4(-1, 0)
        number, case, place, kept = running.pop(child)
        stderr = pathlib.Path(f"{place}.streams/2").read_text(errors="replace")
        faults = find_faults(
            os.waitstatus_to_exitcode(status),
            stderr,
            kept,
            contents(place),
            usage.ru_maxrss / 2**20,
        )
        yield number, case, list(faults)
        shutil.rmtree(place)
        shutil.rmtree(f"{place}.streams")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 runs")
    parser.add_argument("--first", type=int, default=0, help="first case")
    parser.add_argument("--runs", type=int, default=2000, help="runs")
    parser.add_argument(
        "--seconds",
        type=float,
        default=math.inf,
        help="start no further run after this time",
    )
    options = parser.parse_args()
    runs = 100 if options.quick else options.runs
    preload()
    kinds: collections.Counter[str] = collections.Counter()
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        set_environment(folder)
        train_models(folder / "models")
        cases = range(options.first, options.first + runs)
        for number, case, faults in run_cases(
            folder / "models",
            folder / "cases",
            cases,
            os.cpu_count() or 1,
            options.seconds,
        ):
            kinds[case.kind] += 1
            for fault in faults:
                found.append(fault)
                flags = " ".join(flag[:60] for flag in case.flags)
                line = f"{number} [{case.kind}] {fault}: {case.app} {flags}"
                print(line.encode(errors="backslashreplace").decode())
    print(", ".join(f"{kind}: {count}" for kind, count in kinds.items()))
    groups = {
        "crashes": ("traceback", "exit", "no message"),
        "hangs": ("hang", "memory"),
        "lost files": ("lost", "changed", "left"),
    }
    passed = [
        gate(
            f"{name} of {kinds.total()} runs",
            sum(fault.startswith(starts) for fault in found),
            "<=",
            0,
        )
        for name, starts in groups.items()
    ]
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
