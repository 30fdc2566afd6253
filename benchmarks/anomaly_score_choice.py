"""Selection of the anomaly score, evaluated on held-out tables.

A score is better on the tables on which it was selected than on other tables.
Here the best candidate is selected on two thirds of the tables of ADBench and
evaluated on the other third, ten times with random splits. Candidates are all
combinations of up to three of the distances below, by the maximum, the mean or
a soft maximum of their standardized logarithms.

    bulk        nearest of 4, 8 or 16 rows, of asinh(x)
    nearby      nearest of 256 rows, of x or of asinh(x)
    whitened    nearest of 256 rows, of whitened asinh(x), by ridge

Every training row has the distances of its own fold, as in
`dlunits.models.AnomalyDetector`. Protocols and baselines are those of
`anomaly_tabular.py`; the gain of a candidate is its mean AUC minus that of the
mean of 5 nearest (normals) or of LeSiNN (contaminated), and the best candidate
has the highest sum of both gains. With `--anomalies`, the labeled anomalies are
replaced by synthetic ones made from normal rows, as in ADBench:

    local       a Gaussian mixture of the normal rows, 5 times the covariance
    cluster     the same mixture, 5 times the means
    global      uniform in the range of each column, 10 % wider
    dependency  the columns of normal rows, each permuted independently

Usage:
    python benchmarks/anomaly_score_choice.py [--quick] [--seeds=1]
        [--anomalies=local] [--tables=FOLDER,FOLDER]
"""

import argparse
import itertools
import sys

import numpy as np
from anomaly_tabular import PROTOCOLS, find_tables, load, split
from row_detectors import isolation_forest, lesinn, neighbors, scaled
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from dlunits.layers import CrossFittedWhitening, LeSiNN, TabularEncoding
from dlunits.models.anomaly.anomaly_score import (
    EPSILON,
    in_batches,
    own_fold,
    robust_scale,
)

MAX_ROWS = 4_000  # to train on; of new rows, 2,500
MAX_NEW_ROWS = 2_500
MAX_COLUMNS = 600
FOLDS = 5
REPETITIONS = 10
# Name -> number of subsamples, rows in one, input.
PARTS = {
    "bulk 4": (200, 4, "compressed"),
    "bulk 8": (100, 8, "compressed"),
    "bulk 16": (60, 16, "compressed"),
    "nearby": (5, 256, "plain"),
    "nearby, compressed": (5, 256, "compressed"),
    "whitened 0.1": (5, 256, 0.1),
    "whitened 1": (5, 256, 1.0),
}
RULES = {
    "maximum": lambda z: z.max(axis=0),
    "mean": lambda z: z.mean(axis=0),
    "soft maximum": lambda z: np.logaddexp.reduce(2 * np.clip(z, -99, 99)),
}
# The score of `dlunits.models.AnomalyDetector`, which has fewer subsamples.
SHIPPED = "maximum", ("bulk 4", "nearby, compressed", "whitened 0.1")
BASELINES = {
    "mean of 5 nearest": neighbors(5),
    "isolation forest": isolation_forest,
    "LeSiNN": lesinn(16),
}

BASELINE_OF = {"normals": "mean of 5 nearest", "contaminated": "LeSiNN"}


def made_anomalies(kind, x, y, seed):
    """Normal rows and anomalies made from them, one of each ten."""
    rng = np.random.default_rng(seed)
    normal = x[y == 0]
    normal = normal[rng.permutation(len(normal))[:5_000]]
    z = StandardScaler().fit_transform(normal)
    count = max(20, len(z) // 10)
    if kind in ("local", "cluster"):
        mixture = GaussianMixture(
            2 + seed % 3,
            random_state=seed,
            covariance_type="full" if z.shape[1] < 60 else "diag",
            reg_covar=1e-3,
        ).fit(z)
        z = rng.permutation(mixture.sample(len(z))[0])
        if kind == "local":
            mixture.covariances_ = 5 * mixture.covariances_
        else:
            mixture.means_ = 5 * mixture.means_
        anomalies = mixture.sample(count)[0]
    elif kind == "global":
        low, high = z.min(axis=0), z.max(axis=0)
        margin = 0.05 * (high - low)
        size = (count, z.shape[1])
        anomalies = rng.uniform(low - margin, high + margin, size)
    else:
        anomalies = rng.permuted(z, axis=0)[:count]
    labels = np.repeat([0, 1], [len(z), len(anomalies)])
    return np.concatenate([z, anomalies]), labels


def limited(train, new, labels, seed):
    """At most `MAX_ROWS` training rows and `MAX_NEW_ROWS` new ones."""
    rng = np.random.default_rng(seed)
    train = train[rng.permutation(len(train))[:MAX_ROWS]]
    if len(new) > MAX_NEW_ROWS:
        half = MAX_NEW_ROWS // 2
        kept = [
            rng.permutation(np.flatnonzero(labels == label))[:half]
            for label in (0, 1)
        ]
        kept = np.concatenate(kept)
        new, labels = new[kept], labels[kept]
    return train, new, labels


def standardized_distances(train, new):
    """Dict from part to the standardized log distances of the new rows."""
    encoding = TabularEncoding(train.shape[1])
    train, new = train.astype("float32"), new.astype("float32")
    encoding.adapt(train)
    plain = [in_batches(encoding, rows) for rows in (train, new)]
    inputs = {"plain": plain, "compressed": [np.arcsinh(x) for x in plain]}
    for _, _, key in PARTS.values():
        if key not in inputs:
            whitening = CrossFittedWhitening(FOLDS, key)
            whitening.adapt(inputs["compressed"][0])
            inputs[key] = [
                in_batches(whitening, x) for x in inputs["compressed"]
            ]
    outside = len(train) - -(-len(train) // FOLDS)
    parts = {}
    for name, (count, size, key) in PARTS.items():
        layer = LeSiNN(count, min(size, outside // 2), FOLDS)
        known, unknown = inputs[key]
        layer.adapt(known)
        known, unknown = (
            np.log(in_batches(layer, x) + EPSILON) for x in (known, unknown)
        )
        center, spread = robust_scale(own_fold(known))
        parts[name] = (unknown.mean(axis=1) - center) / spread
    return parts


def candidates():
    """Pairs of a rule and the names of its parts."""
    for size in (1, 2, 3):
        for names in itertools.combinations(PARTS, size):
            for rule in RULES if size > 1 else ("maximum",):
                yield rule, names


def evaluate(paths, seeds, anomalies):
    """Dict of protocol and detector to the AUC by table, mean over seeds."""
    results = {}
    for path in paths:
        for protocol in PROTOCOLS:
            aucs = {}
            for seed in range(seeds):
                x, y = load(path, seed)
                if anomalies:
                    x, y = made_anomalies(anomalies, x, y, seed)
                train, new, labels = limited(*split(protocol, x, y, seed), seed)
                both = scaled(train, new)
                scores = {
                    name: score(*both) for name, score in BASELINES.items()
                }
                parts = standardized_distances(train, new)
                for rule, names in candidates():
                    z = np.stack([parts[name] for name in names])
                    scores[rule, names] = RULES[rule](z)
                for name, score in scores.items():
                    auc = roc_auc_score(labels, score)
                    aucs.setdefault(name, []).append(auc)
            for name, values in aucs.items():
                results.setdefault((protocol, name), []).append(np.mean(values))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {key: np.array(values) for key, values in results.items()}


def gains(results, candidate, tables):
    """Mean AUC minus that of the baseline, by protocol."""
    return [
        np.mean(
            results[protocol, candidate][tables]
            - results[protocol, baseline][tables]
        )
        for protocol, baseline in BASELINE_OF.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", help="folders of .npz files, by commas")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--anomalies", choices=("local", "cluster", "global", "dependency")
    )
    parser.add_argument("--quick", action="store_true", help="five tables")
    arguments = parser.parse_args()
    paths = [
        path
        for path in find_tables(arguments.tables)
        if load(path, 0)[0].shape[1] <= MAX_COLUMNS
    ]
    if arguments.quick:
        paths = paths[::8]
    results = evaluate(paths, arguments.seeds, arguments.anomalies)
    for protocol in PROTOCOLS:
        for name in BASELINES:
            mean = results[protocol, name].mean()
            print(f"{protocol}, mean AUC, {name}: {mean:.4f}")
    every = np.arange(len(paths))
    ranked = sorted(candidates(), key=lambda c: -sum(gains(results, c, every)))
    print(f"the best ten of {len(ranked)} candidates on all tables, gains:")
    for rule, names in ranked[:10]:
        one, other = gains(results, (rule, names), every)
        print(f"  {one:+.4f} {other:+.4f}  {rule} of {', '.join(names)}")
    one, other = gains(results, SHIPPED, every)
    print(f"  {one:+.4f} {other:+.4f}  that of the package")
    for protocol, baseline in BASELINE_OF.items():
        best = np.max([results[protocol, c] for c in candidates()], axis=0)
        gain = np.mean(best - results[protocol, baseline])
        print(f"{protocol}, the best candidate of each table: {gain:+.4f}")
    rng = np.random.default_rng(0)
    held_out = []
    for _ in range(REPETITIONS):
        order = rng.permutation(every)
        left_out, rest = np.split(order, [len(order) // 3])
        best = max(candidates(), key=lambda c: sum(gains(results, c, rest)))
        held_out.append(gains(results, best, left_out))
        print(f"  chosen without {len(left_out)} tables: {best}")
    for protocol, gain in zip(
        PROTOCOLS, np.mean(held_out, axis=0), strict=True
    ):
        print(f"{protocol}, mean gain on tables that are left out: {gain:+.4f}")


if __name__ == "__main__":
    main()
