"""False discovery rate of anomalies selected by Benjamini-Hochberg.

Protocol "normals" of `anomaly_tabular.py`: `AnomalyDetector` with default
settings is trained on a random half of the normal rows; the other half and all
anomalies are scored. Rows are selected from their conformal p-values by
`dlunits.metrics.benjamini_hochberg`. The realized rate is the fraction of
normal rows among the selected ones, mean over the seeds. Its expectation is at
most the nominal rate times the fraction of normal rows.

The rate is unreliable if few rows are selected: the mean is over the tables in
which at least 20 anomalies are found, on average over the seeds. The results of
a fixed false-alarm rate of 1 % are printed for comparison.

Tables: Han et al., 2022, "ADBench", https://arxiv.org/abs/2206.09426.

Usage:
    python benchmarks/anomaly_fdr.py [--quick] [--seeds=3]
        [--tables=FOLDER,FOLDER]
"""

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import numpy as np
from anomaly_tabular import find_tables, load, split
from gates import gate

from dlunits.metrics import benjamini_hochberg
from dlunits.models import AnomalyDetector

RATES = (0.05, 0.1, 0.2)
GATED, BOUNDS = 0.1, (0.05, 0.12)
FALSE_ALARM_RATE = 0.01
MIN_FOUND = 20  # anomalies


def run(path, seed):
    """Realized rate, anomalies found and recall, by rule."""
    train, new, labels = split("normals", *load(path, seed), seed)
    p_values = AnomalyDetector(seed=seed).fit(train).p_value(new)
    selections = {rate: benjamini_hochberg(p_values, rate) for rate in RATES}
    selections["fixed"] = p_values <= FALSE_ALARM_RATE
    anomalies, results = labels == 1, {}
    for rule, selected in selections.items():
        found = (selected & anomalies).sum()
        share = (selected & ~anomalies).sum() / max(1, selected.sum())
        results[rule] = share, found, found / anomalies.sum()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", help="folders of .npz files, by commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="one seed of five tables, no gates"
    )
    arguments = parser.parse_args()
    paths = find_tables(arguments.tables)
    seeds = arguments.seeds
    if arguments.quick:
        seeds, paths = 1, paths[::8]
    realized = {}
    for path in paths:
        start = time.monotonic()
        results = [run(path, seed) for seed in range(seeds)]
        texts = []
        for rule in results[0]:
            share, found, recall = np.mean([r[rule] for r in results], axis=0)
            if found >= MIN_FOUND:
                realized.setdefault(rule, []).append(share)
            name = rule if rule == "fixed" else f"at {rule:g}"
            texts.append(f"{name} {share:.3f} ({found:.0f}, {recall:.0%})")
        print(
            f"{path.stem}: realized (anomalies found, recall) "
            f"{', '.join(texts)}, {time.monotonic() - start:.0f} s",
            flush=True,
        )
    for rule, shares in realized.items():
        name = "fixed false-alarm rate" if rule == "fixed" else f"FDR {rule:g}"
        print(
            f"{name}: realized {statistics.mean(shares):.4f}, mean of "
            f"{len(shares)} of {len(paths)} tables"
        )
    if arguments.quick:
        return
    low, high = BOUNDS
    share = statistics.mean(realized[GATED])
    name = f"anomaly_fdr (realized at {GATED:g})"
    passed = [gate(name, share, ">=", low), gate(name, share, "<=", high)]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
