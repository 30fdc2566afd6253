"""Report of the convolution lab: claims, each with its measurements."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from dlunits.diagnostics import layer_table, weight_sharing
from dlunits.reporting.feature_maps import feature_maps
from dlunits.reporting.html_report import Link, Section, write_report
from dlunits.tasks.lab.claim import Claim
from dlunits.tasks.lab.convolution import figures, motion, shifts
from dlunits.tasks.lab.convolution.arithmetic import (
    example_arithmetic,
    model_arithmetic,
)
from dlunits.tasks.lab.convolution.networks import costs
from dlunits.tasks.lab.convolution.percent import percent
from dlunits.tasks.lab.convolution.run_lab import (
    FCNN,
    MEAN,
    OWN,
    VOLUME,
    Trained,
    accuracies_at,
    of_network,
)
from dlunits.tasks.lab.convolution.subject import Subject
from dlunits.tasks.lab.convolution.sums import LayerSum, layer_sums
from dlunits.tasks.lab.keras_code import training_code
from dlunits.tasks.lab.output_probabilities import cross_entropy
from dlunits.tasks.lab.paired_comparison import is_greater
from dlunits.tasks.lab.recorded_run import write_recorded_convolution
from dlunits.tasks.lab.sources import LabData
from dlunits.training.run_directory import write_history
from dlunits.typing import Array, Path

DATA_FILE = "data.npz"
MODEL_FILE = "own_model.keras"
STEPS_FILE = "convolution_steps.html"
RECORDED_SIZE = 24  # rows and columns of a recorded input
GATE_SHIFT = 3  # pixels, the shift of the main comparison
TOLERANCE = 1e-5  # relative to the magnitude of the terms of a sum
MAX_MAP_LAYERS = 4


@dataclasses.dataclass(frozen=True, eq=False)
class LabResults:
    """Results that the report of the convolution lab shows.

    Args:
        subject: Data and models of the run.
        images: Test images `(n, 28, 28, 1)`.
        trained: Compared networks.
        moving: 3-D CNNs trained on volumes and on mean images.
    """

    subject: Subject
    images: Array
    trained: Sequence[Trained]
    moving: Sequence[Trained]

    @property
    def data(self) -> LabData:
        return self.subject.data

    @property
    def models(self) -> dict[str, keras.Model]:
        """Models whose layers are listed, by name, without the FCNN."""
        models = {
            name: of_network(self.trained, name)[0].model
            for name in self.networks[1:]
        }
        return (
            models
            if self.subject.own is None
            else {
                **models,
                OWN: self.subject.own,
            }
        )

    @property
    def shown(self) -> keras.Model:
        """Model whose feature maps are drawn and whose sums are written out."""
        if self.subject.shown is not None:
            return self.subject.shown
        return of_network(self.trained, self.networks[1])[0].model

    @property
    def networks(self) -> list[str]:
        """Names of the compared networks; the first is the FCNN."""
        return list(dict.fromkeys(each.network for each in self.trained))

    @property
    def num_seeds(self) -> int:
        return len(of_network(self.trained, FCNN))


def write_convolution_report(
    path: Path,
    results: LabResults,
    *,
    recipe: Mapping[str, Any],
    command: str,
    seconds: float,
) -> tuple[pathlib.Path, dict[str, Claim]]:
    """Writes the report, and a CSV file of each table beside it.

    Args:
        path: HTML file to write, in the folder of `data.npz` and, if a user's
            model is compared, of `own_model.keras`.
        results: Results.
        recipe: Dict of `epochs`, `batch_size`, `learning_rate` and `seed`.
        command: Command line of the run.
        seconds: Duration of the run.

    Returns:
        Path of the report, and the claims by the title of their section.

    Raises:
        OSError: If a file cannot be written.
    """
    path = pathlib.Path(path)
    folder = path.parent
    claims: dict[str, Claim] = {}
    sections = [
        comparison_section(results, folder, claims),
        shift_section(results, folder, claims),
        sharing_section(results, folder, claims),
        output_size_section(results, folder, claims),
        *sum_sections(results, folder, claims),
        motion_section(results, folder, claims),
        parts_section(results, claims),
        *image_sections(results),
        code_section(results, recipe),
    ]
    rate = {
        f"{name}, {GATE_SHIFT} pixels": f"{np.mean(accuracies):.1%}"
        for name in results.networks
        for accuracies in [accuracies_at(results.trained, name, GATE_SHIFT)]
    }
    held = [claim.holds for claim in claims.values()]
    report = write_report(
        path,
        title=f"Convolution lab: {results.data.name}",
        summary={
            "Claims that hold": f"{sum(map(bool, held))} of {len(held)}",
            "Seeds": results.num_seeds,
            **rate,
        },
        sections=sections,
        command=command,
        dataset=" ".join([results.data.source, results.subject.note]).strip(),
        seconds=seconds,
    )
    return report, claims


def comparison_section(
    results: LabResults, folder: pathlib.Path, claims: dict[str, Claim]
) -> Section:
    """FCNN against CNN: parameters, cost, memory and accuracy."""
    title = "FCNN and CNN at equal parameters"
    rows = cost_rows(results)
    write_history(folder / "networks.csv", run_rows(results))
    write_history(folder / "history.csv", history_rows(results))
    dense, *others = results.networks
    accuracies = {
        name: accuracies_at(results.trained, name, 0)
        for name in results.networks
    }
    claims[title] = Claim(
        "A convolutional network (CNN) classifies images more accurately than "
        "a fully connected network (FCNN) with at least as many parameters, "
        "trained in the same way. It uses each weight at many positions, and "
        "so needs more multiply-adds per parameter.",
        " ".join(
            f"{row['network']}: {percent(accuracies[row['network']])} test "
            f"accuracy, {row['parameters']:,} parameters, "
            f"{row['multiply_adds'] / row['parameters']:.1f} multiply-adds per "
            "parameter."
            for row in rows
        ),
        all(is_greater(accuracies[name], accuracies[dense]) for name in others),
    )
    return Section(
        title,
        claims[title].text
        + "\n\nIntervals are 95 % confidence intervals of the mean over the "
        "seeds. Multiply-adds, FLOPs and the memory of activations are those "
        "of one image. Activations are the outputs of all layers in float32, "
        "which are stored for backpropagation.",
        table=rows,
    )


def cost_rows(results: LabResults) -> list[dict[str, Any]]:
    """Rows of the table of networks."""
    rows = []
    for name in results.networks:
        runs = of_network(results.trained, name)
        cost = costs(runs[0].model)
        rows.append(
            {
                "network": name,
                "parameters": cost["parameters"],
                "multiply_adds": cost["multiply_adds"],
                "FLOPs": cost["flops"],
                "activations (KiB)": cost["activation_bytes"] / 1024,
                "test_accuracy": percent(
                    accuracies_at(results.trained, name, 0)
                ),
                "training (s)": float(np.mean([run.seconds for run in runs])),
                "diverged": sum(run.diverged for run in runs),
            }
        )
    return rows


def run_rows(results: LabResults) -> list[dict[str, Any]]:
    """Rows of `networks.csv`, one for each trained network."""
    return [
        {
            "network": run.network,
            "seed": run.seed,
            **costs(run.model),
            "test_accuracy": run.accuracies[0]["accuracy"],
            "seconds": run.seconds,
            "diverged": run.diverged,
        }
        for run in results.trained
    ]


def history_rows(results: LabResults) -> list[dict[str, Any]]:
    """Rows of `history.csv`, one for each epoch of each trained network."""
    return [
        {
            "network": run.network,
            "seed": run.seed,
            "epoch": epoch + 1,
            **{name: values[epoch] for name, values in run.history.items()},
        }
        for run in [*results.trained, *results.moving]
        for epoch in range(len(run.history["loss"]))
    ]


def shift_section(
    results: LabResults, folder: pathlib.Path, claims: dict[str, Claim]
) -> Section:
    """Accuracy of the networks on shifted test images."""
    title = "Accuracy under shifts"
    write_history(
        folder / "shifts.csv",
        [
            {"network": run.network, "seed": run.seed, **row}
            for run in results.trained
            for row in run.accuracies
        ],
    )
    accuracies = shift_accuracies(results.trained)
    distances = list(range(shifts.MAX_SHIFT + 1))
    dense, *others = results.networks
    at_gate = {name: accuracies[name][GATE_SHIFT] for name in results.networks}
    gains = ", ".join(
        f"{name} {percent(at_gate[name])}, a difference of "
        f"{100 * np.mean(at_gate[name] - at_gate[dense]):.1f} points"
        for name in others
    )
    claims[title] = Claim(
        "If the test images are shifted and the training images are not, a CNN "
        "is more accurate than an FCNN of equal size: its kernels detect a "
        "feature at all positions.",
        f"at a shift of {GATE_SHIFT} pixels, mean of eight directions: {dense} "
        f"{percent(at_gate[dense])}; {gains}.",
        all(is_greater(at_gate[name], at_gate[dense]) for name in others),
    )
    _, counts = np.unique(results.data.test[1], return_counts=True)
    images = np.concatenate(
        [
            shifts.shift_images(results.images[:1], 0, shift)
            for shift in distances
        ]
    )
    return Section(
        title,
        f"{claims[title].text}\n\nThe feature maps of a convolution shift with "
        "the image. A dense layer after them, as in LeNet-5, has weights for "
        "each position and was not trained on shifted maps; the mean over all "
        "positions (global average pooling) is almost the same for all shifts. "
        "Diagonal shifts move both rows and columns. The pixels of the border "
        "are repeated.",
        table=accuracy_table(results.trained),
        figures=[
            (
                figures.accuracy_under_shifts(
                    accuracies, float(counts.max() / counts.sum())
                ),
                "Mean test accuracy over eight directions. Bands are 95 % "
                f"confidence intervals over {results.num_seeds} seeds.",
            ),
            (
                figures.shifted_examples(images, distances),
                "A test image shifted to the right.",
            ),
        ],
    )


def shift_accuracies(trained: Sequence[Trained]) -> dict[str, dict[int, Array]]:
    """Accuracies `(seeds,)` by network and shift, averaged over directions."""
    return {
        name: {
            shift: accuracies_at(trained, name, shift)
            for shift in range(shifts.MAX_SHIFT + 1)
        }
        for name in dict.fromkeys(each.network for each in trained)
    }


def accuracy_table(
    trained: Sequence[Trained],
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table of accuracies by network and shift."""
    return ["Network", *(f"{s} px" for s in range(shifts.MAX_SHIFT + 1))], [
        [name, *(percent(values) for values in by_shift.values())]
        for name, by_shift in shift_accuracies(trained).items()
    ]


def sharing_section(
    results: LabResults, folder: pathlib.Path, claims: dict[str, Claim]
) -> Section:
    """Weights, connections and equivalent dense weights of each layer."""
    title = "Weight sharing"
    rows = [
        {"model": name, **row}
        for name, model in results.models.items()
        for row in weight_sharing(model)
    ]
    if rows:
        write_history(folder / "weight_sharing.csv", rows)
    counted = [
        row
        for row in rows
        if row["connections"] is not None and "Conv" in row["type"]
    ]
    best = max(
        counted, key=lambda row: row["connections_per_weight"], default=None
    )
    if best is None:
        evidence = "the models have no convolution with known sizes."
    else:
        evidence = (
            f"layer {best['layer']} of {best['model']} has "
            f"{best['weights']:,} weights for {best['connections']:,} "
            f"connections, {best['connections_per_weight']:.0f} for each "
            f"weight. A dense layer from its {best['inputs']:,} inputs to its "
            f"{best['outputs']:,} outputs has {best['dense_weights']:,} "
            f"weights, {best['dense_weights'] / best['weights']:,.0f} times as "
            "many."
        )
    claims[title] = Claim(
        "A convolution uses the same weights at all positions. It has fewer "
        "weights than connections, and far fewer weights than a fully "
        "connected layer between the same inputs and outputs.",
        evidence,
        None
        if best is None
        else all(
            row["weights"] <= row["connections"] <= row["dense_weights"]
            for row in counted
        ),
    )
    drawn = [row for row in counted if row["model"] == counted[0]["model"]]
    return Section(
        title,
        claims[title].text
        + "\n\nBiases are counted as weights, and as one connection to each "
        "output. Products with zero padding are not counted as connections. "
        "Only dense layers and convolutions with one kernel have counts.",
        table=rows,
        figures=[
            (
                figures.weights_and_connections(drawn),
                f"Convolutions of {drawn[0]['model']}.",
            )
        ]
        if drawn
        else [],
    )


def output_size_section(
    results: LabResults, folder: pathlib.Path, claims: dict[str, Claim]
) -> Section:
    """Equation of the output size of each layer, compared with Keras."""
    title = "Output size: kernel, stride, padding, dilation"
    rows = [
        {"model": name, **row}
        for name, model in results.models.items()
        for row in model_arithmetic(model)
    ]
    rows += [{"model": "example", **row} for row in example_arithmetic()]
    write_history(
        folder / "layers.csv",
        [
            {
                name: "x".join(map(str, value))
                if isinstance(value, tuple)
                else value
                for name, value in row.items()
            }
            for row in rows
        ],
    )
    computed = [row for row in rows if row["result"] != "no window"]
    equal = [row for row in computed if row["result"] == "equal"]
    claims[title] = Claim(
        "Along an axis of n inputs, a convolution or pooling has floor((n + 2 "
        "p - k) / s) + 1 outputs, for a kernel size k, a padding of p on each "
        "side and a stride s. With a dilation d the kernel spans d (k - 1) + 1 "
        'inputs. "same" padding gives ceil(n / s) outputs; its padding may be '
        "larger by one at the end. A transposed convolution has (n - 1) s + k "
        "- p + a outputs, where p outputs are cropped and a are added.",
        f"{len(equal)} of {len(computed)} layers of 1 to 3 dimensions have the "
        "output size that follows from the equation.",
        len(equal) == len(computed),
    )
    return Section(
        title,
        claims[title].text
        + "\n\nThe table has the equation with the numbers of each layer, and "
        "the output shape of Keras. Layers without a window are listed without "
        "an equation.",
        table=[
            {name: value for name, value in row.items() if name != "type"}
            for row in rows
        ],
    )


def sum_sections(
    results: LabResults, folder: pathlib.Path, claims: dict[str, Claim]
) -> list[Section]:
    """Outputs of a multichannel and of a 3-D convolution, written as sums."""
    title = "Multichannel convolution as a sum"
    sums = layer_sums(results.shown, results.subject.example)
    volumes, _ = motion.moving_digits(results.images[:1], seed=0)
    network = of_network(results.moving, VOLUME)[0].model
    sums += layer_sums(network, volumes[0])[:1]
    write_history(
        folder / "convolution_sum.csv",
        [row for each in sums for row in each.rows()],
    )
    claims[title] = Claim(
        "Each output of a convolution is the activation of a sum: the bias "
        "plus the products of input and weight over all channels and all "
        "elements of the kernel.",
        " ".join(
            f"{each.layer.name}: {num_products(each)} products, sum "
            f"{each.terms.result:.6f}, Keras {each.terms.output:.6f}, "
            f"difference {each.difference:.1g}."
            for each in sums
        ),
        all(is_equal(each) for each in sums),
    )
    section = Section(
        title,
        claims[title].text
        + "\n\nThe outputs are those with the largest absolute value for a "
        "test image. Numbers in the figures are rounded; convolution_sum.csv "
        "has all of them.",
        table=[row for each in sums for row in channel_rows(each)],
        figures=[
            (
                figures.sum_of_products(each.terms, each.layer.name),
                f"{each.place} of {each.layer.name}: inputs, kernel and "
                "products. Each row has its own color scale, symmetric about "
                "0.",
            )
            for each in sums
        ],
        code=[
            (
                f"{each.layer.name}: all {num_products(each)} products",
                each.equation(),
            )
            for each in sums
        ],
    )
    return [section, *recorded_section(sums[:1], folder)]


def recorded_section(
    sums: Sequence[LayerSum], folder: pathlib.Path
) -> list[Section]:
    """Section with a page that shows each output of a convolution.

    Args:
        sums: Sum of the layer to record, or empty.
        folder: Folder of the page.

    Returns:
        List of the section; empty if the layer cannot be recorded.
    """
    sections = []
    for each in sums:
        rows, columns = (
            slice(max(0, (size - RECORDED_SIZE) // 2), None)
            for size in each.inputs.shape[:2]
        )
        try:
            page = write_recorded_convolution(
                folder / STEPS_FILE,
                each.inputs[rows, columns][:RECORDED_SIZE, :RECORDED_SIZE],
                each.layer,
                filter_index=each.filter_index,
            )
        except ValueError:  # not a small 2-D convolution
            continue
        sections.append(
            Section(
                "A convolution step by step",
                f"The page shows each output of filter {each.filter_index} of "
                f"{each.layer.name} for the middle of the test image, with the "
                "products and their sum. It works offline.",
                table=(["page"], [[[Link(page.name, page.name)]]]),
            )
        )
    return sections


def num_products(each: LayerSum) -> str:
    """Number of products of a sum: `6 x 5 x 5 = 150`."""
    *taps, channels = each.terms.kernel.shape
    factors = " \N{MULTIPLICATION SIGN} ".join(map(str, (channels, *taps)))
    return f"{factors} = {each.terms.kernel.size}"


def is_equal(each: LayerSum) -> bool:
    """Whether a sum equals the output of Keras, up to rounding."""
    magnitude = float(np.abs(each.terms.products).sum()) + abs(each.terms.bias)
    return each.difference <= TOLERANCE * max(1.0, magnitude)


def channel_rows(each: LayerSum) -> list[dict[str, Any]]:
    """Rows of a table: the sum of each channel, the bias, and the result."""
    terms = each.terms
    entries = [
        *(
            (f"channel {channel}", float(value))
            for channel, value in enumerate(terms.channel_sums)
        ),
        ("bias", terms.bias),
        ("sum", terms.preactivation),
        (f"{each.activation} of the sum", terms.result),
        ("output of Keras", terms.output),
    ]
    return [
        {
            "layer": each.layer.name,
            "output": each.place,
            "term": name,
            "value": f"{value:.7f}",
        }
        for name, value in entries
    ]


def motion_section(
    results: LabResults, folder: pathlib.Path, claims: dict[str, Claim]
) -> Section:
    """Classification of motion, from volumes and from mean images."""
    title = "3-D convolution"
    write_history(
        folder / "motion.csv",
        [
            {
                "input": run.network,
                "seed": run.seed,
                **costs(run.model),
                "test_accuracy": run.accuracies[0]["accuracy"],
                "seconds": run.seconds,
            }
            for run in results.moving
        ],
    )
    accuracies = {
        name: np.array(
            [
                run.accuracies[0]["accuracy"]
                for run in of_network(results.moving, name)
            ]
        )
        for name in (VOLUME, MEAN)
    }
    claims[title] = Claim(
        "A 3-D convolution also slides over time, and so detects motion, which "
        "no single or mean image shows.",
        f"the direction of a moving digit, one of four, is predicted correctly "
        f"for {percent(accuracies[VOLUME])} of the test volumes, and for "
        f"{percent(accuracies[MEAN])} if each frame is replaced by the mean "
        "frame.",
        is_greater(accuracies[VOLUME], accuracies[MEAN]),
    )
    images = np.repeat(results.images[:1], len(motion.DIRECTIONS), axis=0)
    volumes, _ = motion.moving_digits(
        images, seed=0, labels=np.arange(len(images))
    )
    return Section(
        title,
        claims[title].text
        + "\n\nBoth networks have the same layers: two 3-D convolutions of 8 "
        "filters with 3 \N{MULTIPLICATION SIGN} 3 \N{MULTIPLICATION SIGN} 3 "
        "weights for each input channel, the mean over all positions, and a "
        "dense layer. A motion to the left and one to the right have the same "
        "mean image, so that the expected accuracy of a classifier of mean "
        "images is at most 50 %.",
        table=[
            {
                "input": name,
                "parameters": cost["parameters"],
                "FLOPs": cost["flops"],
                "activations (KiB)": cost["activation_bytes"] / 1024,
                "test_accuracy": percent(values),
            }
            for name, values in accuracies.items()
            for cost in [costs(of_network(results.moving, name)[0].model)]
        ],
        figures=[
            (
                figures.moving_frames(
                    volumes,
                    list(motion.DIRECTIONS),
                    motion.mean_frames(volumes)[:, 0],
                ),
                "A moving test digit, and its mean images.",
            )
        ],
    )


PARTS = (
    (("Conv",), "convolution and activation"),
    (("Global",), "global pooling"),
    (("Pooling", "Subsampling"), "pooling"),
    (("Dense", "RBF"), "fully connected"),
    (("Activation", "ReLU", "Softmax", "ELU"), "activation"),
)


def part_of(layer: keras.layers.Layer, last: bool) -> str:
    """Part of a CNN to which a layer belongs, by the name of its class.

    Args:
        layer: Layer.
        last: Whether it is the last layer.

    Returns:
        Name of the part, `""` for other layers.
    """
    if last:
        return "output"
    kind = type(layer).__name__
    for words, part in PARTS:
        if any(word in kind for word in words):
            return part
    return ""


def parts_section(results: LabResults, claims: dict[str, Claim]) -> Section:
    """Layers of the shown network by part, and its feature maps."""
    title = "Parts of a CNN and their feature maps"
    shown = results.shown
    rows = [
        {
            "layer": row["layer"],
            "part": part_of(layer, layer is shown.layers[-1]),
            "output_shape": row["output_shape"],
            "parameters": row["parameters"],
            "multiply_adds": row["multiply_adds"],
            "FLOPs": row["flops"],
        }
        for layer, row in zip(shown.layers, layer_table(shown), strict=True)
    ]
    total = sum(row["parameters"] for row in rows) or 1
    work = sum(row["multiply_adds"] or 0 for row in rows) or 1

    def share(part: str, key: str, of: int) -> str:
        values = [row[key] or 0 for row in rows if part in row["part"]]
        return f"{sum(values) / of:.0%}"

    present = {row["part"] for row in rows}
    parts = ["convolution and activation", "pooling", "output"]
    claims[title] = Claim(
        "A CNN consists of convolutions whose activations are feature maps, "
        "pooling, which makes the maps smaller, fully connected layers and an "
        "output layer with a unit for each class.",
        f"the convolutions of {shown.name} have "
        f"{share('convolution', 'multiply_adds', work)} of its multiply-adds "
        f"and {share('convolution', 'parameters', total)} of its parameters; "
        f"the pooling layers have {share('pooling', 'parameters', total)} of "
        "the parameters.",
        set(parts) <= present,
    )
    return Section(
        title,
        claims[title].text
        + f"\n\nThe feature maps are those of {shown.name}"
        + (
            ", with its loaded weights"
            if results.subject.shown is not None
            else ", trained with the first seed"
        )
        + ", for a test image."
        + (
            ""
            if results.subject.own_images
            else " Set --image=FILE to see those of your own image."
        ),
        table=rows,
        figures=map_figures(shown, results.subject.example),
    )


def image_sections(results: LabResults) -> list[Section]:
    """Feature maps and predictions of the images of a user."""
    sections = []
    for path, image in results.subject.own_images.items():
        scores = keras.ops.convert_to_numpy(
            results.shown([image[None]], training=False)
        )[0]
        known = scores.shape == (results.data.num_outputs,)
        best = int(np.argmax(scores))
        label = results.data.class_names[best] if known else str(best)
        sections.append(
            Section(
                f"Feature maps of {pathlib.Path(path).name}",
                f"{results.shown.name} predicts class {label}, with an output "
                f"of {scores.max():.3f}."
                if scores.ndim == 1
                else "",
                figures=map_figures(results.shown, image),
            )
        )
    return sections


def map_figures(model: keras.Model, image: Array) -> list[tuple[Any, str]]:
    """Figures of the feature maps of a model; empty for one without maps."""
    names = map_layers(model)
    if not names:
        return []
    return [
        (
            feature_maps(model, image, names),
            f"Feature maps of {', '.join(names)}. Each layer has its own color "
            "scale.",
        )
    ]


def map_layers(model: keras.Model) -> list[str]:
    """Names of the first convolutions and poolings with maps of known size."""
    names = [
        layer.name
        for layer in model.layers
        if part_of(layer, last=False)
        in ("convolution and activation", "pooling")
        and len(layer.output.shape) == 4
        and max(layer.output.shape[1:3]) > 1
    ]
    return names[:MAX_MAP_LAYERS]


def code_section(results: LabResults, recipe: Mapping[str, Any]) -> Section:
    """Keras code of the runs with the first seed."""
    codes = []
    for name in results.networks:
        run = of_network(results.trained, name)[0]
        file = MODEL_FILE if name == OWN else None
        codes.append(
            (
                name,
                training_code(
                    run.model,
                    results.data,
                    data_file=DATA_FILE,
                    optimizer=keras.optimizers.Adam(recipe["learning_rate"]),
                    loss=cross_entropy(run.model, results.data.input_shape),
                    batch_size=recipe["batch_size"],
                    epochs=recipe["epochs"],
                    seed=run.seed,
                    metrics=["accuracy"],
                    model_file=file,
                ),
            )
        )
    return Section(
        "Keras code",
        "Scripts that train the networks of this report. Start them in the "
        f"folder of the report, which has the examples in {DATA_FILE}. They "
        "print the losses of history.csv.",
        code=codes,
    )
