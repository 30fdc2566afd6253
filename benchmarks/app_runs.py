"""Runs of an app as a process, and the metrics of its model card."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

APPS = pathlib.Path(__file__).parents[1] / "apps"


def metrics_of_run(app, *flags):
    """Trains with an app in a temporary folder.

    Args:
        app: Name of the file in `apps/`.
        flags: Texts, all flags but `--workdir` and `--export_dir`.

    Returns:
        `(metrics, minutes)`: the metrics of the model card, and the duration
        of the run. If the app fails, the benchmark exits with the last line of
        its error output.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        process = subprocess.run(
            [
                *(sys.executable, APPS / app, *flags),
                *(f"--workdir={folder}/run", f"--export_dir={folder}/model"),
            ],
            capture_output=True,
            text=True,
        )
        if process.returncode:
            sys.exit(process.stderr.splitlines()[-1])
        minutes = (time.monotonic() - start) / 60
        card = pathlib.Path(folder, "model", "1", "model_card.json")
        return json.loads(card.read_text())["metrics"], minutes
