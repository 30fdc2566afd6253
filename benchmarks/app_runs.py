"""An app as a user runs it, from its flags to what its model card says."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

APPS = pathlib.Path(__file__).parents[1] / "apps"


def metrics_of_run(app, *flags):
    """Trains with an app in a folder of its own, which is then removed.

    Args:
        app: Name of the file in `apps/`.
        flags: Texts, all but `--workdir` and `--export_dir`.

    Returns:
        `(metrics, minutes)`: the dict of the model card, and how long all of
        it took. If the app fails, the benchmark ends with its last line.
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
