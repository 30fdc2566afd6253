"""Report and CSV files about bias, variance and early stopping."""

import csv
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlunits.atomic_files import atomic_write
from dlunits.diagnostics.learning_curve import REMEDIES, WELL_FITTED
from dlunits.reporting.html_report import Section, write_report
from dlunits.tasks.lab.bias_variance import claims, figures
from dlunits.tasks.lab.bias_variance.experiments import (
    Measurement,
    network_name,
)
from dlunits.typing import Array, Path

DATA_FILE = "example_run_data.npz"

SQUARED = "bias\N{SUPERSCRIPT TWO}"
# Columns of the table of the trade-off.
SHOWN = (
    "width",
    "bias_squared",
    "bias",
    "variance",
    "variance_unbiased",
    "variance_biased",
    "noise",
    "sum",
    "measured_error",
    "half_width",
    "adds_up",
    "training_error",
)
CLASS_PARTS = (
    "The 0-1 loss is decomposed as by Domingos (2000). Bias is the fraction of "
    "examples whose most frequent prediction is wrong. Variance is the "
    "fraction of predictions that differ from the most frequent one. It raises "
    "the error if the most frequent prediction is correct (unbiased variance) "
    "and lowers it if that is wrong (biased variance); net variance is their "
    "difference. Noise is the part of the error that is due to wrong labels."
)
VALUE_PARTS = (
    f"The squared error is decomposed as by Geman et al. (1992). {SQUARED} is "
    "the squared difference between the mean prediction and the true value, "
    "corrected for the number of training sets. Variance is the variance of "
    "the predictions over the training sets. Noise is the variance of the "
    "targets."
)
UNKNOWN_NOISE = (
    f"The noise of these targets is not known and is part of {SQUARED}."
)
VERDICT_RULE = (
    "Excess bias is the training error minus the irreducible error, and the "
    "gap is the error on fresh examples minus the training error, both divided "
    "by the range from the irreducible error to the error of a constant "
    "prediction. If neither is above 0.1, the verdict is well fitted; "
    "otherwise it is high bias or high variance, whichever of the two is "
    "larger."
)


def write_bias_variance_report(
    path: Path,
    *,
    results: Sequence[Measurement],
    example: Mapping[str, Array],
    example_name: str,
    code: str,
    command: str,
    dataset: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the report.

    Args:
        path: HTML file to write, in an existing folder.
        results: Measurement of each problem.
        example: Arrays of one run with and without early stopping, see
            `example_arrays`.
        example_name: Description of that network, a phrase.
        code: Keras code of that run.
        command: Text, the command line of the run.
        dataset: Text, description of the data.
        seconds: Number, duration of the run.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If the file cannot be written.
    """
    found = [
        (result, claim(result)) for result in results for claim in claims.CLAIMS
    ]
    held = sum(bool(claim.holds) for _, claim in found)
    sections = [
        Section(
            "Claims and measurements",
            "Each claim is measured on each problem. The sections below show "
            "the measurements.",
            table=[
                {
                    "problem": result.problem.title,
                    "claim": claim.statement,
                    "holds": "yes" if claim.holds else "no",
                    "measured": claim.evidence,
                }
                for result, claim in found
            ],
        )
    ]
    for result in results:
        sections += problem_sections(result)
    sections.append(example_section(example, example_name, code))
    first = results[0]
    return write_report(
        path,
        title="Bias, variance and early stopping",
        summary={
            "Networks trained": sum(
                stack.fresh_errors.shape[1]
                for result in results
                for stack in result.stacks.values()
            ),
            "Claims that hold": f"{held} of {len(found)}",
            "Lowest error at width": min(
                first.complexity, key=lambda row: row["sum"]
            )["width"],
        },
        sections=sections,
        command=command,
        dataset=dataset,
        seconds=seconds,
    )


def problem_sections(result: Measurement) -> list[Section]:
    """Sections of one problem."""
    return [
        complexity_section(result),
        training_time_section(result),
        learning_curve_section(result),
        early_stopping_section(result),
    ]


def complexity_section(result: Measurement) -> Section:
    """Bias-variance trade-off over the width."""
    problem = result.problem
    found = [claim(result).text for claim in claims.COMPLEXITY_CLAIMS]
    parts = VALUE_PARTS if problem.is_regression else CLASS_PARTS
    if problem.noise is None:
        parts = f"{parts} {UNKNOWN_NOISE}"
    num_sets = len(result.early_stopping)
    plots = [
        (
            figures.decomposition_curves(
                result.complexity, "width", "Hidden units", error_name(result)
            ),
            "Parts of the error after training. Error bars are 95 % confidence "
            "intervals of the difference between sum and measured error.",
        )
    ]
    if problem.name == "sine":
        plots.insert(0, fitted_figure(result))
    return Section(
        f"{problem.title}: bias-variance trade-off",
        f"For each width, {num_sets} networks with one hidden layer were "
        f"trained on as many training sets of {result.size} examples"
        + (", and as many of your own model. " if result.own_model else ". ")
        + f"{parts} "
        "The sum and the measured error are computed from different "
        "examples.\n\n" + "\n\n".join(found),
        table=[
            {
                name: {True: "yes", False: "no"}[row[name]]
                if name == "adds_up"
                else row[name]
                for name in SHOWN
                if name in row
                and not (name == "variance" and "net_variance" in row)
            }
            for row in [*result.complexity, *result.own_model]
        ],
        figures=plots,
    )


def printed_table(result: Measurement) -> tuple[list[str], list[list[Any]]]:
    """Decomposition of each width, for the terminal."""
    names = [
        "width",
        claims.bias_name(result.complexity[0]),
        claims.variance_name(result.complexity[0]),
        "noise",
        "sum",
        "measured_error",
        "half_width",
    ]
    header = [name.replace("_", " ") for name in names]
    rows = [*result.complexity, *result.own_model]
    return header, [[row[name] for name in names] for row in rows]


def error_name(result: Measurement) -> str:
    """Name of the error of a problem."""
    return "Squared error" if result.problem.is_regression else "Error rate"


def fitted_figure(result: Measurement) -> tuple[Any, str]:
    """Fitted functions of the narrowest, the best and the widest network."""
    best = min(result.complexity, key=lambda row: row["sum"])["width"]
    widths = list(result.stacks)
    shown = sorted({widths[0], best, widths[-1]})
    x, truth = result.problem.decomposed
    return (
        figures.fitted_functions(
            x[:, 0],
            truth,
            {width: result.stacks[width].predictions[-1] for width in shown},
        ),
        "Each gray curve is a network with its own training set. Bias is the "
        "distance between their mean and the true function, variance is their "
        "spread.",
    )


def training_time_section(result: Measurement) -> Section:
    """Decomposition over the epochs."""
    return Section(
        f"{result.problem.title}: bias and variance over training time",
        f"Networks of {network_name(list(result.stacks)[-1])}, evaluated "
        "during training.\n\n" + claims.training_time_trades(result).text,
        figures=[
            (
                figures.decomposition_curves(
                    result.training_time, "epoch", "Epoch", error_name(result)
                ),
                "Parts of the error during training.",
            )
        ],
    )


def learning_curve_section(result: Measurement) -> Section:
    """Learning curves with their verdicts."""
    rows = []
    for name, verdicts in result.verdicts.items():
        for row, found in zip(result.curves[name], verdicts, strict=True):
            rows.append(
                {
                    "network": name,
                    "examples": row["size"],
                    "training error": row["training_error"],
                    "error": row["error"],
                    "excess bias": found and found.excess_bias,
                    "gap": found and found.gap,
                    "verdict": found.verdict if found else "diverged",
                }
            )
    remedies = [
        f"Remedies for {name}: {remedy}."
        for name, remedy in REMEDIES.items()
        if name != WELL_FITTED
    ]
    return Section(
        f"{result.problem.title}: learning curves",
        f"{VERDICT_RULE} The irreducible error is "
        f"{result.irreducible_error:.3g}"
        + (
            ", estimated by the lowest measured error."
            if result.problem.noise is None
            else ", the noise."
        )
        + "\n\n"
        + "\n\n".join([claims.more_data(result).text, *remedies]),
        table=rows,
        figures=[
            (
                figures.learning_curves(
                    result.curves, result.irreducible_error, error_name(result)
                ),
                "Means over networks with their own training sets. Bands are "
                "95 % confidence intervals.",
            )
        ],
    )


def early_stopping_section(result: Measurement) -> Section:
    """Error of the widest networks with and without early stopping."""
    problem = result.problem
    return Section(
        f"{problem.title}: early stopping",
        f"Each network of {network_name(list(result.stacks)[-1])} is stopped "
        "after "
        f"{problem.patience} epochs without a lower validation loss; the "
        "weights of its best epoch are restored.\n\n"
        + claims.early_stopping_helps(result).text,
        table=result.early_stopping[:10],
    )


def example_section(
    example: Mapping[str, Array], name: str, code: str
) -> Section:
    """One run with Keras' callback, and its code."""
    best = int(example["best_epoch"])
    last = int(example["stopped_epoch"])
    epochs = len(example["val_loss"])
    text = (
        f"One run of {name}, with Keras' fit, with and without its callback "
        "EarlyStopping. The validation loss is lowest at "
        f"epoch {best}, whose weights are restored; training stops at epoch "
        f"{last} of {epochs}. The test error is "
        f"{float(example['stopped_test_error']):.3g} with early stopping and "
        f"{float(example['test_error']):.3g} without it."
    )
    return Section(
        "Early stopping of one run",
        text,
        figures=[
            (
                figures.early_stopping_curves(
                    example["loss"], example["val_loss"], best, last
                ),
                "Loss of the run without early stopping.",
            )
        ],
        code=[
            ("Keras code of the run without early stopping", code),
            ("Keras code of early stopping", early_stopping_code(example)),
        ],
    )


def early_stopping_code(example: Mapping[str, Array]) -> str:
    """Code of a `fit` that stops early."""
    return (
        "stopping = keras.callbacks.EarlyStopping(\n"
        f'    "val_loss", patience={int(example["patience"])}, '
        "restore_best_weights=True\n)\n"
        "model.fit(\n"
        "    x_train,\n    y_train,\n"
        "    validation_data=(x_validation, y_validation),\n"
        f"    epochs={len(example['val_loss'])},\n"
        "    callbacks=[stopping],\n)\n"
    )


def write_tables(
    folder: pathlib.Path,
    results: Sequence[Measurement],
    example: Mapping[str, Array],
) -> list[pathlib.Path]:
    """Writes every number as CSV files.

    Args:
        folder: Existing folder.
        results: Measurement of each problem.
        example: Arrays of the run with and without early stopping.

    Returns:
        Paths of the files.
    """
    tables: dict[str, list[dict[str, Any]]] = {"claims": []}
    for result in results:
        problem = {"problem": result.problem.name}
        for claim in claims.CLAIMS:
            found = claim(result)
            tables["claims"].append(
                {
                    **problem,
                    "claim": found.statement,
                    "holds": found.holds,
                    "measured": found.evidence,
                }
            )
        name = result.problem.name
        tables[f"{name}_complexity"] = [*result.complexity, *result.own_model]
        tables[f"{name}_training_time"] = result.training_time
        tables[f"{name}_early_stopping"] = result.early_stopping
        tables[f"{name}_learning_curves"] = [
            {"network": network, **row}
            for network, rows in result.curves.items()
            for row in rows
        ]
    tables["example_run"] = [
        {"epoch": epoch, "loss": loss, "val_loss": val_loss}
        for epoch, (loss, val_loss) in enumerate(
            zip(
                example["loss"].tolist(),
                example["val_loss"].tolist(),
                strict=True,
            ),
            start=1,
        )
    ]
    paths = []
    for name, rows in tables.items():
        path = folder / f"{name}.csv"
        with atomic_write(path) as file:
            text = io.TextIOWrapper(
                file, "utf-8", newline="", write_through=True
            )
            table = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
            text.detach()
        paths.append(path)
    return paths


def example_arrays(
    full: Mapping[str, Array], stopped: Mapping[str, Array], patience: int
) -> dict[str, Array]:
    """Arrays of one run with and without early stopping.

    Args:
        full: Result of `fit_one_network` without early stopping.
        stopped: Result with early stopping.
        patience: Number of epochs.

    Returns:
        Dict of arrays.
    """
    return {
        "loss": full["loss"],
        "val_loss": full["val_loss"],
        "test_error": full["test_error"],
        "stopped_test_error": stopped["test_error"],
        "best_epoch": np.array(np.argmin(stopped["val_loss"]) + 1),
        "stopped_epoch": np.array(len(stopped["val_loss"])),
        "patience": np.array(patience),
    }
