"""Runs apps, each in its own process in which TensorFlow is already loaded.

Loading TensorFlow and Keras takes longer than most calls of apps in tests. This
process loads them once and forks for each call. Neither library has run
anything by then, so each child starts its own threads.

For each call stdin has one line of JSON, the arguments of `run_in_child` and
`kill_when`, and stdout one line, the exit status of the child.
"""

import gc
import json
import os
import pathlib
import resource
import runpy
import signal
import sys
import time

import keras  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import sklearn.metrics  # noqa: F401
import tensorflow  # noqa: F401

import dlunits.data
import dlunits.models
import dlunits.reporting
import dlunits.serving
import dlunits.training  # noqa: F401

MAX_SECONDS = 900  # a call that takes longer is killed


def run_in_child(app, folder, flags, max_file_size):
    """Turns this process into one that runs an app, and runs it.

    Args:
        app: Path of the app.
        folder: Current folder of the app. Its standard streams are the files
            `stdin`, `stdout` and `stderr` with the name of the folder before
            them.
        flags: List of texts.
        max_file_size: Bytes above which writing a file fails, or `None`.
    """
    streams = {"stdin": "r", "stdout": "w", "stderr": "w"}
    for number, (name, mode) in enumerate(streams.items()):
        with pathlib.Path(f"{folder}.{name}").open(mode) as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    if max_file_size is not None:
        limits = max_file_size, max_file_size
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.alarm(MAX_SECONDS)
    sys.argv = [app, *flags]
    sys.path[0] = str(pathlib.Path(app).parent)  # as `python APP` sets it
    runpy.run_path(app, run_name="__main__")


def kill_child(child, folder, pattern):
    """Kills a child with -9 as soon as a file is there; returns its status."""
    while not any(folder.glob(pattern)):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:  # before it could be killed
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return status


def main():
    gc.freeze()  # a child does not collect objects of the parent at exit
    for line in sys.stdin:
        call = json.loads(line)
        kill_when = call.pop("kill_when")
        child = os.fork()
        if child == 0:
            return run_in_child(**call)
        if kill_when:
            status = kill_child(child, pathlib.Path(call["folder"]), kill_when)
        else:
            _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
