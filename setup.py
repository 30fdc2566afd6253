"""Names the packages, which setup.cfg cannot: it has no way to extend `find:`.

All other settings are in setup.cfg.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["dlunits", "dlunits.*"]),
        # package_dir in setup.cfg says which folders these are.
        "dlunits.apps",
        "dlunits.saved_models",
    ]
)
