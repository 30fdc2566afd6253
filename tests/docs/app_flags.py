"""Check of the flags of an app, in a process of its own."""

import subprocess
import sys


def assert_flags_are_valid(project, app, flags):
    process = subprocess.run(
        [
            sys.executable,
            project / f"apps/{app}.py",
            *flags,
            "--only_check_args",
        ],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
