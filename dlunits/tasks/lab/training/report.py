"""Report of a comparison of the training lab."""

import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from dlunits.diagnostics import WeightPlane
from dlunits.reporting.html_report import Link, Section, write_report
from dlunits.tasks.lab.claim import Claim
from dlunits.tasks.lab.keras_code import training_code
from dlunits.tasks.lab.recorded_run import (
    write_recorded_lstm,
    write_recorded_network,
)
from dlunits.tasks.lab.training import figures
from dlunits.tasks.lab.training.descent import Paths
from dlunits.tasks.lab.training.recipes import OPTIMIZERS, Recipe, Run
from dlunits.tasks.lab.training.results import Comparison, summary_rows
from dlunits.tasks.lab.training.train import (
    loss_function,
    make_network,
    structure_of,
)
from dlunits.typing import Path

DATA_FILE = "data.npz"
RECORDED = {"optimizer", "gradient_descent"}  # factors with recorded updates
NUM_RECORDED = 8  # examples of the recorded updates of a user's network
NUM_UPDATES = 10


def title_of(factors: Sequence[str]) -> str:
    """Title of the report of a comparison.

    >>> title_of(["learning_rate", "batch_size"])
    'Training lab: learning rate and batch size'
    """
    names = " and ".join(factor.replace("_", " ") for factor in factors)
    return f"Training lab: {names}"


def write_training_report(
    path: Path,
    comparison: Comparison,
    claims: Sequence[Claim],
    *,
    surfaces: Mapping[str, Paths],
    plane: tuple[Paths, WeightPlane] | None,
    command: str,
    seconds: float,
) -> pathlib.Path:
    """Writes the report of a comparison.

    Args:
        path: HTML file to write, in the folder of `data.npz`.
        comparison: `Comparison`.
        claims: What `find_claims` returns.
        surfaces: Paths of optimizers on surfaces, by name.
        plane: What `plane_paths` returns.
        command: Text, the command line of the run.
        seconds: Number, duration of the run.

    Returns:
        `pathlib.Path` of the report.

    Raises:
        OSError: If a file cannot be written.
    """
    path = pathlib.Path(path)
    diverged = sum(result.diverged for result in comparison.results)
    held = sum(bool(claim.holds) for claim in claims)
    return write_report(
        path,
        title=title_of(comparison.factors),
        summary={
            "Runs": len(comparison.runs),
            "Seeds": comparison.num_seeds,
            "Best setting": comparison.best,
            "Claims that hold": f"{held} of {len(claims)}",
            "Diverged runs": diverged,
        },
        sections=[
            results_section(comparison),
            claims_section(claims),
            *map(claim_section, claims),
            curves_section(comparison),
            *factor_sections(comparison),
            gradient_section(comparison),
            saturation_section(comparison),
            update_section(comparison),
            *surface_sections(surfaces),
            *plane_sections(plane),
            *recorded_sections(comparison.factors, path.parent),
            *own_recorded_sections(comparison, path.parent),
            code_section(comparison, path.parent),
        ],
        command=command,
        dataset=comparison.data.source,
        seconds=seconds,
    )


def results_section(comparison: Comparison) -> Section:
    seeds = comparison.num_seeds
    text = (
        f"Means over {seeds} seeds, and after \N{PLUS-MINUS SIGN} the half "
        "width of the 95 % confidence interval of the mean, by Student's t "
        "distribution. "
        if seeds > 1
        else "With one seed there is no confidence interval: set --seeds. "
    )
    text += (
        "Runs with the same seed start with the same random numbers and see "
        "the examples in the same order. The training loss is the mean over "
        "the last epoch, with the penalties of regularizers. Seconds are "
        "training time, without compilation and measurements. The runs share "
        f"{num_structures(comparison.runs)} compiled training loops."
    )
    bad = [
        label
        for label in comparison.labels
        if any(each.diverged for each in comparison.of(label))
    ]
    if bad:
        text += (
            f"\n\nDiverged: {'; '.join(bad)}. The loss was not finite, or the "
            "final loss was above twice the loss before training."
        )
    return Section("Results", text, table=summary_rows(comparison))


def num_structures(runs: Sequence[Run]) -> int:
    """Number of different networks, losses and optimizers of runs."""
    return len({structure_of(run.recipe) for run in runs})


def claims_section(claims: Sequence[Claim]) -> Section:
    rows = [
        {
            "claim": claim.title,
            "unit": claim.unit,
            "result": claim.verdict,
            "measured": claim.evidence,
        }
        for claim in claims
    ]
    return Section(
        "Claims",
        "Claims about training, and the measurements of these runs. A claim "
        "holds if the confidence interval of the mean difference over the "
        "seeds excludes 0. Each claim has a section below.",
        table=rows,
    )


def claim_section(claim: Claim) -> Section:
    return Section(claim.title, claim.text)


def curves_section(comparison: Comparison) -> Section:
    score = comparison.score
    return Section(
        f"Loss and {score}",
        f"Training loss and validation {score} at the end of each epoch. The "
        "same runs are plotted against the number of updates, of epochs and of "
        "seconds: a setting that is fast by one measure may be slow by "
        "another. Shaded areas are the range over the seeds.",
        figures=[(figures.learning_curves(comparison), "")],
    )


def factor_sections(comparison: Comparison) -> list[Section]:
    """Sections that only some factors have."""
    sections = []
    if len(comparison.factors) == 2:
        first, second = comparison.factors
        sections.append(
            Section(
                f"Grid of {first} and {second}",
                "Training loss of the last epoch, the mean over the seeds.",
                figures=[(figures.grid_heatmap(comparison), "")],
            )
        )
    if "activation" in comparison.factors:
        recipes = {run.recipe.activation: run.recipe for run in comparison.runs}
        slope = comparison.runs[0].recipe.negative_slope
        names = [name for name in recipes if name]
        sections.append(
            Section(
                "Activation functions",
                "sigmoid 1 / (1 + exp(-x)); tanh; ReLU max(0, x); leaky ReLU "
                f"max({slope:g} x, x); softmax exp(x) / sum of exp, here of "
                "the inputs x and 0, which is sigmoid. Where the derivative "
                "is near 0, the unit is saturated and propagates a gradient "
                "near 0 to its inputs.",
                figures=[
                    (figures.activation_functions(names, slope), ""),
                ],
            )
        )
    return sections


def gradient_section(comparison: Comparison) -> Section:
    return Section(
        "Gradient norms by layer",
        "Norm of the gradient of the loss with respect to the weights of each "
        "layer, on the same training examples in all epochs. Epoch 0 is before "
        "training. Gradients of zero are not shown.",
        figures=[
            (figures.gradient_curves(comparison), ""),
            (figures.gradients_by_layer(comparison), ""),
        ],
    )


def saturation_section(comparison: Comparison) -> Section:
    rows = []
    for label in comparison.labels:
        names = comparison.of(label)[0].activations
        for index, name in enumerate(names):
            saturated, dead = (
                comparison.array(label, measure)[:, -1, index].mean()
                for measure in ("saturated", "dead")
            )
            rows.append(
                {
                    ", ".join(comparison.factors): label,
                    "layer": name,
                    "saturated (%)": finite(100 * saturated),
                    "dead (%)": finite(100 * dead),
                }
            )
    return Section(
        "Saturated and dead units",
        "An activation is saturated if its derivative is at most 5 % of the "
        "largest one; a unit is dead if it is saturated for all of the "
        "measured training examples. The curves are means over the hidden "
        "layers, the table has each layer after training. A softmax output "
        "near 0 or 1 is saturated, as expected of a confident prediction.",
        table=rows,
        figures=[(figures.saturation_curves(comparison), "")] if rows else [],
    )


def finite(number: float) -> float | None:
    """The number, or `None` for an empty cell."""
    return float(number) if np.isfinite(number) else None


def update_section(comparison: Comparison) -> Section:
    return Section(
        "Update-to-weight ratio",
        "Norm of an update divided by the norm of the weights, the mean over "
        "the updates of an epoch. About 0.001 is usual. The ratio of weights "
        "of zero is not defined.",
        figures=[(figures.update_curves(comparison), "")],
    )


def surface_sections(surfaces: Mapping[str, Paths]) -> list[Section]:
    if not surfaces:
        return []
    return [
        Section(
            "Paths on surfaces of two weights",
            "Optimizers on exact gradients, each with the best of three "
            "learning rates, which is in the legend. Move the slider to see "
            "the updates one by one.",
            figures=[
                (
                    figures.path_slider(paths, "Update", "Loss", ("x", "y")),
                    paths.title,
                )
                for paths in surfaces.values()
            ],
        )
    ]


def recorded_sections(
    factors: Sequence[str], folder: pathlib.Path
) -> list[Section]:
    """Writes two recorded runs; returns their section, for optimizers only."""
    if not RECORDED.intersection(factors):
        return []
    network = write_recorded_network(folder / "network_steps.html")
    lstm = write_recorded_lstm(folder / "lstm_steps.html")
    return [
        Section(
            "Training step by step",
            "Pages with a slider that show each value beside its equation. "
            "They work offline.",
            table=(
                ["page", "content"],
                [
                    [
                        [Link(network.name, network.name)],
                        "Forward pass, loss, gradients and new weights of a "
                        "2-3-1 network trained on XOR by gradient descent",
                    ],
                    [
                        [Link(lstm.name, lstm.name)],
                        "Gates and states of an LSTM that reads the text hello",
                    ],
                ],
            ),
        )
    ]


def own_recorded_sections(
    comparison: Comparison, folder: pathlib.Path
) -> list[Section]:
    """Writes a recorded run of a user's network; returns its section."""
    if comparison.model is None:
        return []
    data = comparison.data
    recipe = comparison.recipe(comparison.labels[0])
    network = make_network(recipe, data, comparison.model)
    x, y = (array[:NUM_RECORDED] for array in data.train)
    if not data.is_regression:
        y = keras.utils.to_categorical(y, data.num_outputs)
    title = "Training of your own network step by step"
    try:
        page = write_recorded_network(
            folder / "own_network_steps.html",
            network,
            x,
            y,
            optimizer=recipe.make_optimizer(),
            loss=loss_function(recipe, network, data),
            updates=NUM_UPDATES,
        )
    except ValueError as error:
        return [Section(title, f"The training was not recorded. {error}.")]
    return [
        Section(
            title,
            f"The page shows {NUM_UPDATES} updates on the first {len(x)} "
            f"training examples, with the settings of "
            f"{comparison.labels[0]}: each value beside its equation. It works "
            "offline.",
            table=(["page"], [[[Link(page.name, page.name)]]]),
        )
    ]


def plane_sections(
    plane: tuple[Paths, WeightPlane] | None,
) -> list[Section]:
    if plane is None:
        return []
    paths, weights = plane
    return [
        Section(
            "Paths on a plane through the loss of the network",
            f"All {len(weights.origin):,} weights of the network after each "
            "epoch, of the runs of the first seed, which start at the same "
            "point. The plane is spanned by the first two principal directions "
            f"of the paths and explains {weights.explained:.0%} of their "
            "squared distances from the start. The contour lines show the loss "
            "of training examples on the plane. The paths are projected to it; "
            "the legend has their validation loss.",
            figures=[
                (
                    figures.path_slider(
                        paths,
                        "Epoch",
                        "Validation loss",
                        ("First direction", "Second direction"),
                    ),
                    "",
                )
            ],
        )
    ]


def code_section(comparison: Comparison, folder: pathlib.Path) -> Section:
    """Section with the Keras code of each run.

    The networks made from a user's model are saved in the folder; the code
    loads them.
    """
    codes = []
    networks: dict[str, tuple[keras.Model, str | None]] = {}
    for run in comparison.runs:
        if run.label not in networks:
            network = make_network(
                run.recipe, comparison.data, comparison.model
            )
            file = None
            if comparison.model is not None:
                file = f"network_{len(networks) + 1}.keras"
                network.save(folder / file)
            networks[run.label] = network, file
        codes.append(
            (
                f"{run.label}, seed {run.recipe.seed}",
                run_code(comparison, run.recipe, *networks[run.label]),
            )
        )
    return Section(
        "Keras code",
        f"Each script repeats one run with Keras. Start it in the folder of "
        f"this report, which has the examples in {DATA_FILE}.",
        code=codes,
    )


def run_code(
    comparison: Comparison,
    recipe: Recipe,
    network: keras.Model,
    model_file: str | None,
) -> str:
    """Keras code of a run."""
    data = comparison.data
    return training_code(
        network,
        data,
        data_file=DATA_FILE,
        optimizer=recipe.make_optimizer(),
        loss=loss_function(recipe, network, data),
        batch_size=recipe.examples_per_update(data),
        epochs=recipe.epochs,
        seed=recipe.seed,
        metrics=[] if data.is_regression else ["accuracy"],
        num_examples=recipe.data_size,
        model_file=model_file,
    )


def compared_optimizers(comparison: Comparison) -> list[str]:
    """Compared optimizers, whose paths on surfaces are shown."""
    if not {"optimizer", "gradient_descent"} & set(comparison.factors):
        return []
    used = {run.recipe.optimizer for run in comparison.runs}
    return [name for name in OPTIMIZERS if name in used]
