"""Claims about bias and variance, with the measured evidence."""

import math

from dlunits.metrics import confidence_interval
from dlunits.tasks.lab.bias_variance.experiments import Measurement, Row
from dlunits.tasks.lab.claim import Claim


def bias_name(row: Row) -> str:
    """Key of the bias in a row of a decomposition."""
    return "bias_squared" if "bias_squared" in row else "bias"


def variance_name(row: Row) -> str:
    """Key of the part of the error that is due to variance."""
    return "variance" if "bias_squared" in row else "net_variance"


def adds_up(result: Measurement) -> Claim:
    """Claim: bias, variance and noise add up to the error on fresh examples."""
    rows = result.complexity
    inside = sum(row["adds_up"] for row in rows)
    largest = max(abs(row["sum"] - row["measured_error"]) for row in rows)
    return Claim(
        "The expected error is the sum of bias, variance and noise.",
        f"the sum is within the 95 % confidence interval of the measured error "
        f"for {inside} of {len(rows)} widths; the largest difference is "
        f"{largest:.3g}.",
        inside >= 0.9 * len(rows) - 0.5,
    )


def bias_falls(result: Measurement) -> Claim:
    """Claim: bias decreases with the size of the network."""
    first, last = result.complexity[0], result.complexity[-1]
    name = bias_name(first)
    return Claim(
        "A larger network has less bias.",
        f"the bias is {first[name]:.3g} with {first['width']} and "
        f"{last[name]:.3g} with {last['width']} hidden units.",
        last[name] < first[name],
    )


def variance_rises(result: Measurement) -> Claim:
    """Claim: variance increases with the size of the network."""
    first, last = result.complexity[0], result.complexity[-1]
    name = variance_name(first)
    return Claim(
        "A larger network has more variance.",
        f"the variance is {first[name]:.3g} with {first['width']} and "
        f"{last[name]:.3g} with {last['width']} hidden units.",
        last[name] > first[name],
    )


def minimum_between(result: Measurement) -> Claim:
    """Claim: the error is lowest at an intermediate complexity."""
    rows = result.complexity
    best = min(rows, key=lambda row: row["sum"])
    return Claim(
        "The error is lowest at an intermediate complexity: a smaller network "
        "underfits, a larger one overfits.",
        f"it is {rows[0]['sum']:.3g} with {rows[0]['width']}, "
        f"{best['sum']:.3g} with {best['width']} and {rows[-1]['sum']:.3g} "
        f"with {rows[-1]['width']} hidden units.",
        best not in (rows[0], rows[-1]),
    )


def training_time_trades(result: Measurement) -> Claim:
    """Claim: bias decreases and variance increases over the epochs."""
    rows = result.training_time
    best = min(rows, key=lambda row: row["sum"])
    last = rows[-1]
    bias, variance = bias_name(last), variance_name(last)
    return Claim(
        "A large network that is trained for too long overfits: its variance "
        "increases more than its bias decreases.",
        f"from epoch {best['epoch']}, where the error is lowest, to epoch "
        f"{last['epoch']} the bias changes from {best[bias]:.3g} to "
        f"{last[bias]:.3g}, the variance from {best[variance]:.3g} to "
        f"{last[variance]:.3g} and the error from {best['sum']:.3g} to "
        f"{last['sum']:.3g}.",
        last["sum"] > best["sum"] and last[variance] > best[variance],
    )


def more_data(result: Measurement) -> Claim:
    """Claim: more examples reduce variance, not bias."""
    small, large, _ = result.curves.values()
    gains = [rows[0]["error"] - rows[-1]["error"] for rows in (small, large)]
    sizes = f"from {small[0]['size']} to {small[-1]['size']}"
    return Claim(
        "More training examples reduce the error of a network with high "
        "variance, and not that of a network with high bias.",
        f"{sizes} examples, the error of {result.subject} changes from "
        f"{large[0]['error']:.3g} to {large[-1]['error']:.3g}, and that of the "
        f"narrowest one from {small[0]['error']:.3g} to "
        f"{small[-1]['error']:.3g}.",
        gains[1] > 2 * max(gains[0], 0.0),
    )


def early_stopping_helps(result: Measurement) -> Claim:
    """Claim: early stopping lowers the error on fresh examples."""
    rows = result.early_stopping
    stopped, _ = confidence_interval([row["error_stopped"] for row in rows])
    full, _ = confidence_interval([row["error"] for row in rows])
    gain, half_width = confidence_interval(
        [row["error"] - row["error_stopped"] for row in rows]
    )
    epoch, _ = confidence_interval([row["best_epoch"] for row in rows])
    return Claim(
        "Early stopping, which keeps the weights of the lowest validation "
        "loss, prevents overfitting.",
        f"the error of {result.subject} is {stopped:.3g} with early "
        f"stopping and {full:.3g} without it, a difference of {gain:.3g} ± "
        f"{half_width:.2g} (95 % confidence). The mean best epoch is "
        f"{epoch:.0f} of {result.problem.epochs}.",
        not math.isnan(half_width) and gain > half_width,
    )


COMPLEXITY_CLAIMS = (adds_up, bias_falls, variance_rises, minimum_between)
CLAIMS = (
    *COMPLEXITY_CLAIMS,
    training_time_trades,
    more_data,
    early_stopping_helps,
)
