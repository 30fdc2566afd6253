"""Claims about training, each with the measured numbers and a verdict."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dlunits.metrics import confidence_interval
from dlunits.tasks.lab.claim import Claim
from dlunits.tasks.lab.paired_comparison import is_greater
from dlunits.tasks.lab.training.descent import Paths, overshoot
from dlunits.tasks.lab.training.results import Comparison
from dlunits.typing import Array

LEARNING = "What learning depends on"
ACTIVATIONS = "Activations"
DESCENT = "Gradient descent"
NETWORK = "Feed-forward network"
STOPPING = "Early stopping"


def interval(values: Array) -> str:
    """Mean and confidence interval as text.

    >>> interval(np.array([1.0, 2.0, 3.0])), interval(np.array([0.5]))
    ('2 ± 2.48', '0.5')
    """
    mean, half = confidence_interval(values)
    if np.isnan(mean):
        return "none, because the run diverged"
    if np.isnan(half):
        return f"{mean:.3g}"
    return f"{mean:.3g} \N{PLUS-MINUS SIGN} {half:.3g}"


def is_less(low: Array, high: Array) -> bool:
    """Whether results are less than others with the same seeds.

    They are compared by `is_greater`. A run that diverged counts as infinite.

    >>> is_less(np.array([1.0, 2.0]), np.array([2.0, 3.1]))
    True
    >>> is_less(np.array([1.0, 2.0]), np.array([2.0, 0.5]))
    False
    """
    if np.isnan(low).any():
        return False
    if np.isnan(high).any():
        return True
    return is_greater(high, low)


def less(
    comparison: Comparison,
    low: str,
    high: str,
    measure: Callable[[str], Array],
    name: str,
    **texts: Any,
) -> Claim:
    """Claim that a measure of one label is less than that of another."""
    values = measure(low), measure(high)
    return Claim(
        evidence=f"{name}: {low} = {interval(values[0])}, {high} = "
        f"{interval(values[1])}.",
        holds=is_less(*values),
        **texts,
    )


def final_loss(comparison: Comparison) -> Callable[[str], Array]:
    """Function from a label to the training losses of the last epoch."""
    return lambda label: comparison.last(label, "loss").astype("float64")


def train_loss(comparison: Comparison) -> Callable[[str], Array]:
    """Function from a label to the final losses of the training examples."""
    return lambda label: comparison.last(label, "train_loss")


def norm_ratio(comparison: Comparison) -> Callable[[str], Array]:
    """Function from a label to the ratio of two gradient norms before training.

    The ratio is that of the first layer to the last.
    """

    def ratio(label: str) -> Array:
        norms = comparison.array(label, "gradient_norm")[:, 0]
        return norms[:, 0] / norms[:, -1]

    return ratio


def first_norm(comparison: Comparison) -> Callable[[str], Array]:
    """Function from a label to initial gradient norms of the first layer."""
    return lambda label: comparison.array(label, "gradient_norm")[:, 0, 0]


def last_dead(comparison: Comparison) -> Callable[[str], Array]:
    """Function from a label to the final shares of dead hidden units."""

    def dead(label: str) -> Array:
        shares = comparison.last(label, "dead")
        names = comparison.of(label)[0].activations
        hidden = [i for i, name in enumerate(names) if name != "output"]
        return shares[:, hidden].mean(axis=1).astype("float64")

    return dead


def generalization_gap(comparison: Comparison) -> Callable[[str], Array]:
    """Function from a label to the final test loss minus training loss."""
    return lambda label: (
        comparison.last(label, "test_loss")
        - comparison.last(label, "train_loss")
    )


def shrinking(comparison: Comparison, label: str) -> Array:
    """Update-to-weight ratio of the last epoch divided by that of the first."""
    ratios = comparison.array(label, "update_ratio")[..., 0]
    return (ratios[:, -1] / ratios[:, 0]).astype("float64")


def reached(comparison: Comparison, label: str, losses: Array) -> Array:
    """Number of epochs until the training loss is at most `losses`.

    If it never is, the number of all epochs plus 1.
    """
    array = comparison.array(label, "loss")
    below = np.concatenate(
        [array <= losses[:, None], np.ones((len(array), 1), bool)], axis=1
    )
    return below.argmax(axis=1) + 1.0


def optimizer_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    """Claims about optimizers; `surfaces` has the paths on the ravine."""
    labels = comparison.labels
    plain = "mini_batch" if "mini_batch" in labels else "sgd"
    loss = final_loss(comparison)
    same = (
        "Both have the same learning rate. "
        if same_rate(comparison, plain, "momentum")
        else ""
    )
    if {plain, "momentum"} <= set(labels):
        yield less(
            comparison,
            "momentum",
            plain,
            loss,
            "Training loss of the last epoch",
            unit=DESCENT,
            title="Momentum speeds up gradient descent",
            statement="Momentum adds a moving sum of past gradients to the "
            "update, so that steps in a constant direction become longer. "
            f"{same}The training loss after the same number of updates is "
            "lower.",
        )
    ends = (
        {
            name.partition(",")[0]: path
            for name, path in surfaces["ravine"].paths.items()
        }
        if surfaces
        else {}
    )
    if {"momentum", "nesterov"} <= ends.keys():
        far, near = (overshoot(ends[name]) for name in ("momentum", "nesterov"))
        yield Claim(
            unit=DESCENT,
            title="Nesterov momentum overshoots less than momentum",
            statement="Nesterov momentum computes the gradient at the point "
            "to which the momentum alone would lead, and so slows down before "
            "it overshoots a minimum. Measured on the ravine, as the largest "
            "distance beyond the minimum along y.",
            evidence=f"Momentum {far:.3g}, Nesterov {near:.3g}.",
            holds=near < far,
        )
    if "adagrad" in labels:
        ratio = shrinking(comparison, "adagrad")
        yield Claim(
            unit=DESCENT,
            title="AdaGrad's steps become shorter during training",
            statement="AdaGrad divides the step of each weight by the square "
            "root of the sum of all its squared gradients, which never "
            "decreases. Measured as the update-to-weight ratio of the first "
            "layer in the last epoch divided by that in the first epoch.",
            evidence=f"The quotient of the two ratios is {interval(ratio)}.",
            holds=is_less(ratio, np.ones_like(ratio)),
        )
    if {"adagrad", "rmsprop"} <= set(labels):
        yield less(
            comparison,
            "adagrad",
            "rmsprop",
            lambda label: shrinking(comparison, label),
            "Update-to-weight ratio, last epoch divided by first epoch",
            unit=DESCENT,
            title="RMSProp's steps shrink less than AdaGrad's",
            statement="RMSProp replaces the sum of AdaGrad with a moving "
            "average, in which old gradients lose their weight. Its steps "
            "therefore do not shrink only because the number of updates grows.",
        )
    if {plain, "adam"} <= set(labels):
        goal = loss(plain)
        needed = reached(comparison, "adam", goal)
        epochs = float(comparison.recipe("adam").epochs)
        yield Claim(
            unit=DESCENT,
            title="Adam needs fewer updates than gradient descent",
            statement="Adam combines momentum with a step for each weight "
            "that is scaled as in RMSProp. Measured as the number of epochs "
            f"until the training loss is as low as that of {plain} after all "
            f"{epochs:g} epochs, each with its own learning rate.",
            evidence=f"Adam: {interval(needed)} epochs; {plain}: {epochs:g}.",
            holds=is_less(needed, np.full_like(needed, epochs)),
        )


def same_rate(comparison: Comparison, a: str, b: str) -> bool:
    """Whether two labels exist and have the same learning rate."""
    labels = comparison.labels
    return (
        a in labels
        and b in labels
        and comparison.recipe(a).rate == comparison.recipe(b).rate
    )


def gradient_descent_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    labels = set(comparison.labels)
    if {"batch", "mini_batch"} <= labels:
        yield less(
            comparison,
            "mini_batch",
            "batch",
            final_loss(comparison),
            "Training loss of the last epoch",
            unit=DESCENT,
            title="Batch gradient descent needs more epochs",
            statement="Batch gradient descent computes the gradient of the "
            "whole training set for one update. After the same number of "
            "epochs at the same learning rate, mini-batches have made more "
            "updates and have a lower loss.",
        )
    if {"stochastic", "mini_batch"} <= labels:
        yield less(
            comparison,
            "mini_batch",
            "stochastic",
            lambda label: comparison.last(label, "loss_deviation"),
            "Standard deviation of the loss over the updates of the last epoch",
            unit=DESCENT,
            title="Stochastic gradient descent is noisy",
            statement="Stochastic gradient descent makes an update for each "
            "example, whose gradient is a noisy estimate; a mini-batch "
            "averages the noise.",
        )
        yield less(
            comparison,
            "mini_batch",
            "stochastic",
            lambda label: seconds_per_epoch(comparison, label),
            "Seconds per epoch",
            unit=DESCENT,
            title="Mini-batches use the processor better than single examples",
            statement="The layers process a mini-batch by matrix products, so "
            "that an epoch takes less time than with one example per update.",
        )
    yield from optimizer_claims(comparison, surfaces)


def seconds_per_epoch(comparison: Comparison, label: str) -> Array:
    """Mean training time of the finished epochs."""
    seconds = comparison.array(label, "seconds").astype("float64")
    epochs = np.isfinite(seconds).sum(axis=1)
    return np.nanmax(seconds, axis=1) / epochs


def activation_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    labels = set(comparison.labels)
    loss = final_loss(comparison)
    if {"sigmoid", "relu"} <= labels:
        yield less(
            comparison,
            "sigmoid",
            "relu",
            norm_ratio(comparison),
            "Gradient norm of the first layer divided by that of the last, "
            "before training",
            unit=ACTIVATIONS,
            title="Gradients vanish in networks of sigmoid units",
            statement="The derivative of sigmoid is at most 1/4, so that the "
            "gradient becomes smaller with each layer towards the input. The "
            "derivative of ReLU is 1 for positive inputs.",
        )
        yield less(
            comparison,
            "relu",
            "sigmoid",
            loss,
            "Training loss of the last epoch",
            unit=ACTIVATIONS,
            title="ReLU trains faster than sigmoid",
            statement="ReLU, max(0, x), does not saturate for positive inputs. "
            "Its training loss after the same number of updates is lower.",
        )
    if {"sigmoid", "tanh"} <= labels:
        yield less(
            comparison,
            "tanh",
            "sigmoid",
            loss,
            "Training loss of the last epoch",
            unit=ACTIVATIONS,
            title="tanh trains faster than sigmoid",
            statement="tanh has values around 0 and a derivative of at most 1, "
            "sigmoid has positive values and a derivative of at most 1/4.",
        )
    if {"relu", "leaky_relu"} <= labels:
        dead = last_dead(comparison)
        slope = comparison.recipe("leaky_relu").negative_slope
        shares = dead("leaky_relu"), dead("relu")
        yield Claim(
            unit=ACTIVATIONS,
            title="ReLU units die, and leaky ReLU units do not",
            statement="A ReLU unit whose input is negative for all examples "
            "has a gradient of 0 and is not trained any more. Leaky ReLU, "
            f"max({slope:g} x, x), has a derivative greater than 0 everywhere. "
            "Measured as the share of hidden units that are saturated for all "
            "of the measured training examples after training.",
            evidence=f"ReLU {interval(100 * shares[1])} %, leaky ReLU "
            f"{interval(100 * shares[0])} %.",
            holds=bool(shares[1].mean() > shares[0].mean() == 0),
        )
    if {"softmax", "relu"} <= labels:
        yield less(
            comparison,
            "relu",
            "softmax",
            loss,
            "Training loss of the last epoch",
            unit=ACTIVATIONS,
            title="Softmax is for the output layer",
            statement="The outputs of softmax are positive and add up to 1, "
            "like the probabilities of classes. In a hidden layer of n units "
            "they are about 1 / n each, and their derivatives are as small.",
        )


def initializer_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    labels = comparison.labels
    loss = final_loss(comparison)
    scaled = [
        name
        for name in ("glorot_uniform", "he_normal", "orthogonal")
        if name in labels
    ]
    for name, title, statement in (
        (
            "zeros",
            "Weights must not all start at zero",
            "With weights of zero all units of a layer compute the same output "
            "and receive the same gradient, here 0. Only the output biases are "
            "trained, to the frequencies of the classes.",
        ),
        (
            "random_normal:1",
            "Initial weights must be scaled to the number of inputs",
            "With a standard deviation of 1 the sum of many inputs is large, "
            "the softmax is saturated, and the initial loss is high. Glorot, "
            "He and orthogonal initialization preserve the size of the "
            "activations from layer to layer.",
        ),
    ):
        if name in labels and scaled:
            yield less(
                comparison,
                scaled[0],
                name,
                loss,
                "Training loss of the last epoch",
                unit=LEARNING,
                title=title,
                statement=statement,
            )


def batch_size_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    small, large = ends_of(comparison, lambda recipe: recipe.batch_size)
    yield less(
        comparison,
        small,
        large,
        final_loss(comparison),
        "Training loss of the last epoch",
        unit=LEARNING,
        title="Small batches need fewer epochs",
        statement="With a smaller batch size an epoch has more updates, and "
        "the loss is lower after the same number of epochs.",
    )
    yield less(
        comparison,
        large,
        small,
        lambda label: seconds_per_epoch(comparison, label),
        "Seconds per epoch",
        unit=LEARNING,
        title="Large batches take less time per epoch",
        statement="Fewer and larger matrix products take less time.",
    )


def ends_of(
    comparison: Comparison, setting: Callable[[Any], float]
) -> tuple[str, str]:
    """Labels with the smallest and the largest value of a setting."""
    ordered = sorted(
        comparison.labels, key=lambda label: setting(comparison.recipe(label))
    )
    return ordered[0], ordered[-1]


def learning_rate_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    small, large = ends_of(comparison, lambda recipe: recipe.rate)
    best, loss = comparison.best, final_loss(comparison)
    for label, title, statement in (
        (
            small,
            "A learning rate that is too small trains slowly",
            "Steps that are too short need many updates.",
        ),
        (
            large,
            "A learning rate that is too large does not train",
            "Steps that are too long overshoot the minimum: the loss grows, or "
            "the units saturate and their gradients vanish.",
        ),
    ):
        claim = less(
            comparison,
            best,
            label,
            loss,
            "Training loss of the last epoch",
            unit=LEARNING,
            title=title,
            statement=f"{statement} The best of the compared rates is {best}.",
        )
        yield dataclasses.replace(claim, holds=claim.holds and label != best)


def depth_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    def depth(recipe: Any) -> int:
        return recipe.num_layers

    shallow, deep = ends_of(comparison, depth)
    loss = train_loss(comparison)
    hidden = [
        label
        for label in comparison.labels
        if depth(comparison.recipe(label)) > 0
    ]
    if depth(comparison.recipe(shallow)) == 0 and hidden:
        yield less(
            comparison,
            hidden[0],
            shallow,
            loss,
            "Loss of the training examples after training, by number of hidden "
            "layers",
            unit=NETWORK,
            title="Hidden layers fit what a linear classifier cannot",
            statement="A feed-forward network without hidden layers is a "
            "linear classifier; with a hidden layer it can represent any "
            "continuous function.",
        )
    if len(hidden) > 1:
        yield less(
            comparison,
            deep,
            hidden[0],
            first_norm(comparison),
            "Gradient norm of the first layer before training, by number of "
            "hidden layers",
            unit=LEARNING,
            title="Gradients become smaller with depth",
            statement="Each layer multiplies the gradient by its weights and "
            "by the derivative of its activation.",
        )


def width_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    narrow, wide = ends_of(comparison, lambda recipe: recipe.units)
    yield less(
        comparison,
        wide,
        narrow,
        train_loss(comparison),
        "Loss of the training examples after training, by number of units",
        unit=LEARNING,
        title="Wider layers fit the training examples better",
        statement="With more units a layer has more weights, and can represent "
        "more functions.",
    )


def loss_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    labels = comparison.labels
    if {"categorical_crossentropy", "mean_squared_error"} <= set(labels):
        yield less(
            comparison,
            "mean_squared_error",
            "categorical_crossentropy",
            lambda label: comparison.last(label, "train_score"),
            "Training accuracy after training",
            unit=LEARNING,
            title="Cross-entropy trains a classifier faster than squared error",
            statement="The gradient of the squared error has the derivative of "
            "the softmax as a factor, which is small for an example that is "
            "classified wrongly with confidence. The gradient of the "
            "cross-entropy does not have this factor.",
        )


def regularizer_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    gap = generalization_gap(comparison)
    for label in comparison.labels:
        if "none" in comparison.labels and label != "none":
            yield less(
                comparison,
                label,
                "none",
                gap,
                "Test loss minus training loss",
                unit=LEARNING,
                title=f"Regularization narrows the gap: {label}",
                statement="Regularization limits how closely a network can fit "
                "random properties of the training examples, so that the loss "
                "on new examples is closer to the training loss.",
            )


def data_size_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Iterator[Claim]:
    few, many = ends_of(
        comparison, lambda recipe: recipe.num_examples(comparison.data)
    )
    yield less(
        comparison,
        many,
        few,
        lambda label: comparison.last(label, "test_loss"),
        "Test loss, by number of training examples",
        unit=LEARNING,
        title="More training examples lower the test loss",
        statement="All runs have the same number of epochs, so that a run with "
        "more examples also has more updates.",
    )


def epoch_claims(comparison: Comparison) -> Iterator[Claim]:
    """Claims about the number of epochs and about tuning."""
    label = comparison.best
    epochs = comparison.recipe(label).epochs
    loss = comparison.array(label, "loss").astype("float64")
    if epochs > 1:
        yield Claim(
            unit=LEARNING,
            title="More epochs lower the training loss",
            statement="Each epoch updates the weights on all training "
            f"examples once more. Measured on the best run, {label}.",
            evidence=f"Training loss of epoch 1: {interval(loss[:, 0])}; of "
            f"epoch {epochs}: {interval(loss[:, -1])}.",
            holds=is_less(loss[:, -1], loss[:, 0]),
        )
    best_epochs = {
        each: np.nan_to_num(
            comparison.array(each, "validation_loss"), nan=np.inf
        ).argmin(axis=1)
        for each in comparison.labels
    }
    early = max(
        comparison.labels,
        key=lambda each: excess_loss(comparison, each).mean(),
    )
    excess = excess_loss(comparison, early)
    yield Claim(
        unit=STOPPING,
        title="Early stopping keeps the best epoch",
        statement="The validation loss has a minimum, after which the network "
        "overfits; early stopping keeps the weights of that epoch. Measured "
        f"on the run whose validation loss rises most, {early}, as the loss of "
        "the last epoch minus that of the best one.",
        evidence="Best epoch: "
        f"{interval(best_epochs[early].astype('float64'))} of {epochs}; the "
        f"loss then rises by {interval(excess)}.",
        holds=bool(excess.min() > 0),
    )


def excess_loss(comparison: Comparison, label: str) -> Array:
    """Validation loss of the last epoch minus that of the best one."""
    losses = comparison.array(label, "validation_loss").astype("float64")
    finite = np.where(np.isfinite(losses), losses, np.nan)
    last = np.array([row[np.isfinite(row)][-1] for row in finite])
    return last - np.nanmin(finite, axis=1)


def tuning_claim(comparison: Comparison) -> Claim:
    """Claim about a grid of two factors."""
    first, second = comparison.factors
    rows: dict[str, list[str]] = {}
    for run in comparison.runs[:: comparison.num_seeds]:
        rows.setdefault(run.values[0], []).append(run.label)
    best = {
        value: min(labels, key=comparison.rank)
        for value, labels in rows.items()
    }
    values = {value: label.split(", ")[-1] for value, label in best.items()}
    return Claim(
        unit=LEARNING,
        title="Settings must be tuned together",
        statement=f"The best {second} depends on the {first}, so that tuning "
        "one after the other may miss the best combination.",
        evidence=f"Best {second} by {first}: "
        + ", ".join(f"{key} {value}" for key, value in values.items())
        + f". Best combination: {comparison.best}.",
        holds=len(set(values.values())) > 1,
    )


CLAIMS: dict[
    str, Callable[[Comparison, Mapping[str, Paths]], Iterator[Claim]]
] = {
    "optimizer": optimizer_claims,
    "gradient_descent": gradient_descent_claims,
    "activation": activation_claims,
    "initializer": initializer_claims,
    "batch_size": batch_size_claims,
    "learning_rate": learning_rate_claims,
    "depth": depth_claims,
    "width": width_claims,
    "loss": loss_claims,
    "regularizer": regularizer_claims,
    "data_size": data_size_claims,
}


def find_claims(
    comparison: Comparison, surfaces: Mapping[str, Paths]
) -> Sequence[Claim]:
    """Claims that the runs of a comparison can support.

    Args:
        comparison: `Comparison`.
        surfaces: Paths on `SURFACES`, by name; empty if optimizers are not
            compared.

    Returns:
        List of `Claim`. A claim about values that are not compared is left
        out.
    """
    if len(comparison.factors) == 2:
        claims = [tuning_claim(comparison)]
    elif len(comparison.labels) == 1:
        claims = []
    else:
        claims = list(CLAIMS[comparison.factors[0]](comparison, surfaces))
    return [*claims, *epoch_claims(comparison)]
