"""Modules that need KServe are collected where it is installed."""

import importlib.util

collect_ignore = (
    []
    if importlib.util.find_spec("kserve")
    else [
        "dlunits/serving/server/kserve_endpoints.py",
        "dlunits/serving/server/kserve_models.py",
        "dlunits/serving/server/run.py",
    ]
)
