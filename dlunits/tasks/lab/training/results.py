"""Results of a comparison: saved runs, means over seeds, CSV files."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from dlunits.metrics import confidence_interval
from dlunits.tasks.lab.sources import LabData
from dlunits.tasks.lab.training.recipes import Recipe, Run
from dlunits.tasks.lab.training.train import RunResult, score_name
from dlunits.training.result_cache import (
    load_arrays,
    result_path,
    save_arrays,
)
from dlunits.training.run_directory import write_history
from dlunits.typing import Array, Path


def identity(
    recipe: Recipe, data: LabData, model: keras.Model | None, keep_path: bool
) -> dict[str, Any]:
    """JSON-serializable dict of everything that a run depends on."""
    return {
        "recipe": dataclasses.asdict(recipe),
        "data": data.fingerprint,
        "model": None if model is None else json.loads(model.to_json()),
        "keep_path": keep_path,
    }


def run_path(folder: Path, label: str, run: dict[str, Any]) -> pathlib.Path:
    """File of a finished run, named by its values, its seed and a hash."""
    words = "_".join(re.findall(r"[\w.]+", label))
    return result_path(folder, f"{words}_seed_{run['recipe']['seed']}", run)


def save_result(path: Path, run: dict[str, Any], result: RunResult) -> None:
    """Saves the result of a run, atomically.

    Args:
        path: File in an existing folder.
        run: What `identity` returns.
        result: Result.

    Raises:
        OSError: If the file cannot be written.
    """
    arrays = {
        field.name: np.asarray(getattr(result, field.name))
        for field in dataclasses.fields(RunResult)
    }
    save_arrays(path, run, arrays)


def load_result(path: Path, run: dict[str, Any]) -> RunResult | None:
    """Loads the result of a run; `None` if it is missing or does not match.

    Args:
        path: File.
        run: What `identity` returns.
    """
    arrays = load_arrays(path, run)
    names = {field.name for field in dataclasses.fields(RunResult)}
    if arrays is None or arrays.keys() != names:  # written by another version
        return None
    values: dict[str, Any] = {
        name: value.tolist()
        if value.ndim == 0 or value.dtype.kind == "U"
        else value
        for name, value in arrays.items()
    }
    return RunResult(**values)


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Runs of a comparison with their results.

    Args:
        factors: Names of the compared factors.
        runs: List of `Run`.
        results: Result of each run.
        data: Data of the runs.
        model: A user's model, or `None`.
    """

    factors: Sequence[str]
    runs: Sequence[Run]
    results: Sequence[RunResult]
    data: LabData
    model: keras.Model | None = None

    @property
    def labels(self) -> list[str]:
        """Names of the compared values or combinations, in order."""
        return list(dict.fromkeys(run.label for run in self.runs))

    @property
    def score(self) -> str:
        """Name of the score."""
        return score_name(self.data)

    @property
    def num_seeds(self) -> int:
        return len(self.runs) // len(self.labels)

    def of(self, label: str) -> list[RunResult]:
        """Results of a label, one for each seed."""
        return [
            result
            for run, result in zip(self.runs, self.results, strict=True)
            if run.label == label
        ]

    def recipe(self, label: str) -> Recipe:
        """Recipe of a label, with the first seed."""
        return next(run.recipe for run in self.runs if run.label == label)

    def array(self, label: str, name: str) -> Array:
        """Measurement of a label, stacked over the seeds."""
        return np.stack([getattr(each, name) for each in self.of(label)])

    def last(self, label: str, name: str) -> Array:
        """Value of a measurement after the last epoch, for each seed."""
        array = self.array(label, name)
        return array if array.ndim == 1 else array[:, -1]

    def rank(self, label: str) -> tuple[bool, float]:
        """Key that sorts labels from the best to the worst training loss.

        Runs that diverged are the worst. Comparisons of losses are ranked by
        the score.
        """
        name = "validation_score" if "loss" in self.factors else "loss"
        sign = -1 if name != "loss" and self.score == "accuracy" else 1
        mean, _ = confidence_interval(self.last(label, name))
        bad = any(each.diverged for each in self.of(label)) or np.isnan(mean)
        return bool(bad), sign * mean

    @property
    def best(self) -> str:
        """Label with the lowest training loss."""
        return min(self.labels, key=self.rank)


def summary_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Rows of the table of a comparison: one for each label.

    Returns:
        List of dicts with the means over the seeds and the half widths of their
        95 % confidence intervals.
    """
    score = comparison.score
    rows = []
    for label in comparison.labels:
        row: dict[str, Any] = {", ".join(comparison.factors): label}
        for name, title in (
            ("loss", "training loss"),
            ("train_score", f"training {score}"),
            ("validation_loss", "validation loss"),
            ("test_score", f"test {score}"),
            ("seconds", "seconds"),
        ):
            mean, half = confidence_interval(comparison.last(label, name))
            row[title] = None if np.isnan(mean) else mean
            row[f"{title}, \N{PLUS-MINUS SIGN}"] = (
                None if np.isnan(half) else half
            )
        row["updates"] = int(comparison.last(label, "updates")[0])
        row["diverged"] = sum(each.diverged for each in comparison.of(label))
        rows.append(row)
    return rows


def write_tables(folder: Path, comparison: Comparison) -> list[pathlib.Path]:
    """Writes every number of a comparison as CSV.

    - `summary.csv`: means over the seeds and confidence intervals.
    - `runs.csv`: one row for each run.
    - `history.csv`: one row for each epoch of each run.
    - `layers.csv`: gradient norm and update-to-weight ratio of each layer.
    - `activations.csv`: saturated and dead shares of each activation.
    - `updates.csv`: losses of mini-batches, the mean over an interval.

    Args:
        folder: Existing folder.
        comparison: `Comparison`.

    Returns:
        Paths of the files.

    Raises:
        OSError: If a file cannot be written.
    """
    tables = {
        "summary": summary_rows(comparison),
        "runs": list(run_rows(comparison)),
        "history": list(history_rows(comparison)),
        "layers": list(layer_rows(comparison)),
        "activations": list(activation_rows(comparison)),
        "updates": list(update_rows(comparison)),
    }
    paths = []
    for name, rows in tables.items():
        if rows:
            paths.append(pathlib.Path(folder, f"{name}.csv"))
            write_history(paths[-1], rows)
    return paths


def keyed(
    comparison: Comparison,
) -> Iterator[tuple[dict[str, Any], RunResult]]:
    """Pairs of the columns that identify a run, and its result."""
    for run, result in zip(comparison.runs, comparison.results, strict=True):
        values = dict(zip(comparison.factors, run.values, strict=True))
        yield {**values, "seed": run.recipe.seed}, result


def run_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for key, result in keyed(comparison):
        yield {
            **key,
            "train_loss": result.train_loss,
            "train_score": result.train_score,
            "test_loss": result.test_loss,
            "test_score": result.test_score,
            "loss_deviation": result.loss_deviation,
            "diverged": result.diverged,
        }


def history_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for key, result in keyed(comparison):
        for epoch in range(len(result.loss) + 1):
            before = epoch == 0
            yield {
                **key,
                "epoch": epoch,
                "updates": 0 if before else result.updates[epoch - 1],
                "seconds": 0.0 if before else result.seconds[epoch - 1],
                "loss": "" if before else result.loss[epoch - 1],
                "score": "" if before else result.score[epoch - 1],
                "validation_loss": result.validation_loss[epoch],
                "validation_score": result.validation_score[epoch],
            }


def layer_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for key, result in keyed(comparison):
        for epoch, norms in enumerate(result.gradient_norm):
            for index, layer in enumerate(result.layers):
                yield {
                    **key,
                    "epoch": epoch,
                    "layer": layer,
                    "gradient_norm": norms[index],
                    "update_ratio": (
                        result.update_ratio[epoch - 1, index] if epoch else ""
                    ),
                }


def activation_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for key, result in keyed(comparison):
        for epoch in range(len(result.saturated)):
            for index, layer in enumerate(result.activations):
                yield {
                    **key,
                    "epoch": epoch,
                    "layer": layer,
                    "saturated": result.saturated[epoch, index],
                    "dead": result.dead[epoch, index],
                }


def update_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for key, result in keyed(comparison):
        for update, loss in zip(result.update, result.update_loss, strict=True):
            yield {**key, "update": update, "loss": loss}
