"""Serves a web page on which the trained models can be tried.

Usage:
    python apps/demo.py
    python apps/demo.py --port=8000 --models_dir=saved_models
    python apps/demo.py --server=http://localhost:8501

Needs the extra `demo`: pip install ".[demo]"

Only this computer can open the page, and the page makes no requests to other
computers. Predictions are computed in this process or, with --server, by a
server of the same models, such as TensorFlow Serving.
"""

import importlib.util
import signal
import threading

from absl import flags

import _main


def define_flags():
    flags.DEFINE_string(
        "models_dir",
        str(_main.SHIPPED_MODELS),
        "Folder of the models, with one subfolder per model.",
    )
    flags.DEFINE_string(
        "server",
        None,
        "Address of a server of the same models, such as "
        "http://localhost:8501, which computes the predictions instead of "
        "this process. The model cards are still read from --models_dir.",
    )
    flags.DEFINE_integer(
        "port",
        None,
        "Port of the page. Default: the first free one from 7860 on.",
        1,
        65_535,
    )


def run(models_dir, server, port):
    """Serves the page until it is stopped."""
    if importlib.util.find_spec("gradio") is None:
        raise ValueError(
            "The page needs Gradio. Install it: pip install 'dlunits[demo]', "
            'or in a checkout: pip install ".[demo]"'
        )
    if server and not server.startswith(("http://", "https://")):
        raise ValueError(
            "--server must be an address such as http://localhost:8501. "
            f"Received: {server}"
        )
    from dlunits.demo.model_folder import ModelFolder
    from dlunits.demo.page import serve_page

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    models = ModelFolder(models_dir, server, _main.program)
    with serve_page(models, port) as address:
        print(f"Page: {address}", flush=True)
        print("Ctrl-C stops it.", flush=True)
        stopped.wait()


if __name__ == "__main__":
    _main.run_app(define_flags, run)
