"""Modules that need the package of an extra are collected where it is."""

import importlib.util

NEEDING = {
    "gradio": [
        "dlunits/demo/*_tab.py",
        "dlunits/demo/page.py",
        "dlunits/demo/tab_parts.py",
    ],
    "kserve": [
        "dlunits/serving/server/kserve_endpoints.py",
        "dlunits/serving/server/kserve_models.py",
        "dlunits/serving/server/run.py",
    ],
}
collect_ignore_glob = [
    path
    for package, paths in NEEDING.items()
    if importlib.util.find_spec(package) is None
    for path in paths
]
