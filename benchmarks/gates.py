"""Gates: comparisons of the result of a benchmark with a bound."""

import operator

COMPARISONS = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}


def gate(name, value, comparison, bound, unit=""):
    """Compares a result with a bound and prints the outcome.

    Prints `gate NAME: VALUE <= BOUND -> pass|fail`.

    Args:
        name: Text, the claim.
        value: Number, the measured result.
        comparison: `"<="`, `"<"`, `">="` or `">"`.
        bound: Number.
        unit: Text that follows both numbers.

    Returns:
        Whether the comparison holds.
    """
    passed = bool(COMPARISONS[comparison](value, bound))
    print(
        f"gate {name}: {value:.5g}{unit} {comparison} {bound:g}{unit} -> "
        f"{'pass' if passed else 'fail'}",
        flush=True,
    )
    return passed
