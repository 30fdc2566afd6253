"""Runs apps, each in a process of its own in which TensorFlow is loaded.

Loading TensorFlow and Keras takes longer than most of what an app is asked for
here, so it is done once: a call is a fork. Neither library has run anything by
then, so each process starts threads of its own.

For each call a line of JSON comes in on stdin, the arguments of `become`, and
a line with the exit status goes out on stdout.
"""

import gc
import json
import os
import pathlib
import resource
import runpy
import signal
import sys

import keras  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import sklearn.metrics  # noqa: F401
import tensorflow  # noqa: F401

import dlunits.data
import dlunits.models
import dlunits.reporting
import dlunits.serving
import dlunits.training  # noqa: F401

SECONDS = 900  # a call that takes longer is killed


def become(app, folder, flags, largest_file):
    """Makes this process one that runs an app, and runs it.

    Args:
        app: Path of the app.
        folder: Where it runs. What it is told and what it says are the files
            `stdin`, `stdout` and `stderr` beside the folder.
        flags: List of texts.
        largest_file: Bytes above which writing a file fails, or `None`.
    """
    streams = {"stdin": "r", "stdout": "w", "stderr": "w"}
    for number, (name, mode) in enumerate(streams.items()):
        with pathlib.Path(f"{folder}.{name}").open(mode) as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    if largest_file is not None:
        limits = largest_file, largest_file
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.alarm(SECONDS)
    sys.argv = [app, *flags]
    sys.path[0] = str(pathlib.Path(app).parent)  # as python does
    runpy.run_path(app, run_name="__main__")


def main():
    gc.freeze()  # nothing is left to collect, so that processes end at once
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
