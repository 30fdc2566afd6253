"""Starts two runs of an app at once in the same run directory.

The two runs differ in their seed. One of them must end with a message that
names the other run, which must export the same model as without another run.

Usage:
    python benchmarks/two_runs.py [--pairs=20]

Expected: in 20 of 20 pairs, one run is rejected and the other one is correct;
5 minutes on 2 CPU cores.
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import time

import numpy as np
from bad_inputs import (
    MODELS,
    TEMPORARY,
    preload,
    set_environment,
    start,
    write_inputs,
)
from gates import gate

SEEDS = 1, 2
REFUSED = "is in use by another run, process "
MAX_DELAY = 3.0  # seconds between the two starts


def run(
    app: str, folder: pathlib.Path, seeds: tuple[int, ...], delay: float = 0.0
) -> dict[int, tuple[int, str]]:
    """Runs an app once for each seed, at the same time.

    Args:
        app: Name of the app.
        folder: Folder to make, with the run directory and the exported model.
        seeds: Seeds of the runs.
        delay: Seconds between two starts.

    Returns:
        Exit status and standard error of each run, by seed.
    """
    children = {}
    for seed in seeds:
        place = folder / str(seed)
        place.mkdir(parents=True)
        write_inputs(place, random.Random(0))  # noqa: S311
        flags = ("--export_dir=../model", "--workdir=../run", f"--seed={seed}")
        children[seed] = start(app, place, (*MODELS[app][0], *flags))
        time.sleep(delay)
    return {
        seed: (
            os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]),
            (folder / f"{seed}.streams/2").read_text(),
        )
        for seed, child in children.items()
    }


def weights(folder: pathlib.Path) -> list[tuple]:
    """Variables of the exported model; their names differ between two runs."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(
        str(folder / "model/1/variables/variables")
    )
    names = reader.get_variable_to_shape_map()
    names.pop("_CHECKPOINTABLE_OBJECT_GRAPH")
    values = [np.asarray(reader.get_tensor(name)) for name in names]
    return sorted((x.dtype.str, x.shape, x.tobytes()) for x in values)


def find_fault(
    pair: pathlib.Path,
    alone: dict[int, pathlib.Path],
    results: dict[int, tuple[int, str]],
) -> str:
    """Fault of a pair of runs, as text; empty without a fault.

    Args:
        pair: Folder of the pair.
        alone: Folders of runs of the same seeds without another run.
        results: Result of `run` for the pair.
    """
    finished = [seed for seed, (status, _) in results.items() if status == 0]
    if len(finished) != 1:
        return f"{len(finished)} runs ended with status 0"
    [refused] = results.keys() - finished
    if REFUSED not in results[refused][1]:
        return f"message: {results[refused][1].strip()[-200:]}"
    versions = [path.name for path in (pair / "model").iterdir()]
    if versions != ["1"]:
        return f"the exported versions are {versions}"
    left = [p.name for p in pair.rglob("*") if TEMPORARY.search(p.name)]
    if left:
        return f"left over: {left}"
    if weights(alone[finished[0]]) == weights(alone[refused]):
        return "both seeds train the same model"
    if weights(pair) != weights(alone[finished[0]]):
        return f"the model is not the one of seed {finished[0]}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of runs")
    options = parser.parse_args()
    rng = random.Random(0)  # noqa: S311
    preload()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        set_environment(folder)
        alone = {
            app: {seed: folder / f"alone/{app}/{seed}" for seed in SEEDS}
            for app in MODELS
        }
        for app, folders in alone.items():
            for seed, place in folders.items():
                [(status, stderr)] = run(app, place, (seed,)).values()
                if status:
                    sys.exit(stderr)
        pairs = []
        for number in range(options.pairs):
            app = list(MODELS)[number % len(MODELS)]
            delay = rng.choice([0.0, rng.uniform(0, MAX_DELAY)])
            place = folder / f"pairs/{number}"
            pairs.append((app, delay, place, run(app, place, SEEDS, delay)))
        num_faults = 0
        # TensorFlow may not run before a fork: the models are read at the end.
        for app, delay, place, results in pairs:
            fault = find_fault(place, alone[app], results)
            print(f"{app}, {delay:.1f} s apart: {fault or 'one was refused'}")
            num_faults += bool(fault)
    passed = gate(f"faults of {options.pairs} pairs", num_faults, "<=", 0)
    return int(not passed)


if __name__ == "__main__":
    sys.exit(main())
