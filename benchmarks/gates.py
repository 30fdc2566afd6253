"""The line on which a benchmark's claim stands or falls."""

import operator

COMPARISONS = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}


def gate(name, value, comparison, bound, unit=""):
    """Prints `gate NAME: VALUE <= BOUND -> pass|fail`, returns whether it
    passed.

    Args:
        name: Text, what is claimed.
        value: Number that was measured.
        comparison: `"<="`, `"<"`, `">="` or `">"`.
        bound: Number.
        unit: Text behind both numbers.
    """
    passed = bool(COMPARISONS[comparison](value, bound))
    print(
        f"gate {name}: {value:.5g}{unit} {comparison} {bound:g}{unit} -> "
        f"{'pass' if passed else 'fail'}",
        flush=True,
    )
    return passed
