"""Many networks of the same shape, trained at once on their own training sets.

The weights of K networks are stacked along a new axis, so that one tensor
product computes a layer of all networks. The loss is the sum of their losses,
and Adam updates each weight by its own gradient. The training of each network
is therefore the same as if it were trained alone.
"""

import dataclasses
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from dlunits.tasks.lab.bias_variance.problems import Problem
from dlunits.tasks.lab.output_probabilities import returns_probabilities
from dlunits.typing import Array, Tensor

ACTIVATION = "tanh"
OWN_MODEL = "own model"  # in place of a number of hidden units
NUM_EVALUATIONS = 40  # of the networks during training


# Number of hidden units, or `OWN_MODEL`.
Width: TypeAlias = int | str


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedStack:
    """Measurements of K networks, at several epochs.

    Errors are squared errors or error rates. Losses are squared errors or
    cross-entropies.

    Args:
        epochs: Integers `(evaluations,)`, from 0.
        training_errors, validation_losses, fresh_errors: Arrays
            `(evaluations, K)`. Training and validation examples have noise.
        predictions: Array `(evaluations, K, examples)`: values or classes of
            the examples for the decomposition.
        fresh_example_errors: Array `(examples,)`: error of each fresh example
            after training, averaged over the networks.
    """

    epochs: Array
    training_errors: Array
    validation_losses: Array
    fresh_errors: Array
    predictions: Array
    fresh_example_errors: Array


def stacked_network(
    num_networks: int,
    num_features: int,
    width: int,
    num_outputs: int,
    *,
    kernel_stddev: float | None = None,
    seed: int = 0,
) -> keras.Model:
    """Stack of networks with a hidden layer, each with its own weights.

    Args:
        num_networks: Number of networks, K.
        num_features: Number of inputs of each.
        width: Number of hidden units, with the activation tanh.
        num_outputs: Number of linear outputs.
        kernel_stddev: Standard deviation of the initial kernel and biases of
            the hidden layer. Default: initialization of Glorot and Bengio, and
            biases of 0.
        seed: Seed of the initial weights.

    Returns:
        Keras model from `(batch, K, num_features)` to
        `(batch, K, num_outputs)`.

    Example:

    >>> model = stacked_network(5, num_features=1, width=3, num_outputs=1)
    >>> model.count_params()  # 5 (3 * 1 + 3 + 3 + 1)
    50
    """
    model = keras.Sequential(
        [
            keras.Input((num_networks, num_features)),
            keras.layers.EinsumDense(
                "bki,kio->bko",
                (num_networks, width),
                activation=ACTIVATION,
                bias_axes="ko",
                name="hidden",
            ),
            keras.layers.EinsumDense(
                "bki,kio->bko",
                (num_networks, num_outputs),
                bias_axes="ko",
                name="output",
            ),
        ]
    )
    glorot = keras.initializers.GlorotUniform(keras.random.SeedGenerator(seed))
    hidden, output = model.layers
    for layer in (hidden, output):
        # Keras would count the axis of the networks as a receptive field.
        kernels = [
            keras.ops.convert_to_numpy(glorot(layer.kernel.shape[1:]))
            for _ in range(num_networks)
        ]
        layer.kernel.assign(np.stack(kernels))
    if kernel_stddev is not None:
        rng = np.random.default_rng(seed)
        for variable in hidden.weights:
            variable.assign(rng.normal(0, kernel_stddev, variable.shape))
    return model


def stack_of_clones(
    model: keras.Model, num_networks: int, num_features: int, seed: int
) -> keras.Model:
    """Stack of networks with the layers of a model, each with new weights.

    Args:
        model: Model of any layers. Its input has `num_features` numbers.
        num_networks: Number of networks, K.
        num_features: Number of inputs of each.
        seed: Seed of the initial weights.

    Returns:
        Keras model from `(batch, K, num_features)` to
        `(batch, K, num_outputs)`. If the model returns probabilities, the stack
        returns their logarithms, which are logits of the same probabilities.

    Example:

    >>> layers = [keras.Input((2, 2)), keras.layers.Flatten()]
    >>> model = keras.Sequential([*layers, keras.layers.Dense(3)])
    >>> stack_of_clones(model, 5, num_features=4, seed=0).count_params()
    75
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((num_networks, num_features))
    to_input = keras.layers.Reshape(model.input_shape[1:])
    outputs = []
    for number in range(num_networks):
        clone = keras.models.clone_model(model)
        clone.name = f"network_{number}"
        outputs.append(clone(to_input(inputs[:, number])))
    stacked = keras.ops.stack(outputs, axis=1)
    if model.output_shape[-1] > 1 and returns_probabilities(
        model, model.input_shape[1:]
    ):
        stacked = keras.ops.log(
            keras.ops.maximum(stacked, keras.config.epsilon())
        )
    return keras.Model(inputs, stacked)


def network_of_stack(model: keras.Model, number: int) -> keras.Model:
    """One network of a stack, as a model of `Dense` layers.

    Args:
        model: Model of `stacked_network`.
        number: Number of the network, from 0.

    Returns:
        Keras model from `(batch, num_features)` to `(batch, num_outputs)`.

    Example:

    >>> stack = stacked_network(5, num_features=4, width=3, num_outputs=2)
    >>> network_of_stack(stack, 0).count_params()  # 3 (4 + 1) + 2 (3 + 1)
    23
    """
    hidden, output = model.layers
    network = keras.Sequential(
        [
            keras.Input((model.input_shape[-1],)),
            keras.layers.Dense(hidden.kernel.shape[-1], ACTIVATION),
            keras.layers.Dense(output.kernel.shape[-1]),
        ]
    )
    network.set_weights([weight[number] for weight in model.get_weights()])
    return network


def train_stack(
    problem: Problem,
    *,
    num_networks: int,
    width: Width,
    size: int,
    seed: int,
    model: keras.Model | None = None,
) -> TrainedStack:
    """Trains networks on their own training sets, and evaluates them.

    An epoch is one update of Adam on the whole training set.

    Args:
        problem: Problem, which has the learning rate and number of epochs.
        num_networks: Number of networks and training sets.
        width: Number of hidden units, or `OWN_MODEL`.
        size: Number of examples of a training set.
        seed: Seed of the training sets and initial weights.
        model: Model whose layers the networks have if `width` is `OWN_MODEL`.

    Returns:
        `TrainedStack`.
    """
    if model is not None and width == OWN_MODEL:
        stack = stack_of_clones(model, num_networks, problem.num_features, seed)
    else:
        stack = stacked_network(
            num_networks,
            problem.num_features,
            int(width),
            max(1, problem.num_classes),
            kernel_stddev=problem.kernel_stddev,
            seed=seed,
        )
    x, y = map(tf.constant, problem.training_sets(num_networks, size, seed))
    optimizer = keras.optimizers.Adam(problem.learning_rate)
    optimizer.build(stack.trainable_variables)

    def losses(targets: Tensor, outputs: Tensor) -> Tensor:
        """Loss of each example and network, `(examples, networks)`."""
        if problem.is_regression:
            return keras.losses.mean_squared_error(targets[..., None], outputs)
        return keras.losses.sparse_categorical_crossentropy(
            targets, outputs, from_logits=True
        )

    def errors(targets: Tensor, outputs: Tensor) -> Tensor:
        if problem.is_regression:
            return tf.square(targets - outputs[..., 0])
        return tf.cast(targets != predict(outputs), "float32")

    def predict(outputs: Tensor) -> Tensor:
        if problem.is_regression:
            return outputs[..., 0]
        return tf.argmax(outputs, axis=-1, output_type="int32")

    # Compilation by XLA takes longer than it saves for these small functions.
    @tf.function
    def train(num_updates: Tensor) -> None:
        for _ in tf.range(num_updates):
            with tf.GradientTape() as tape:
                # The sum over the networks of their mean losses.
                loss = tf.reduce_sum(
                    tf.reduce_mean(losses(y, stack(x, training=True)), axis=0)
                )
            variables = stack.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)

    def outputs_of(inputs: Array) -> Tensor:
        shape = (len(inputs), num_networks, problem.num_features)
        return stack(tf.broadcast_to(inputs[:, None], shape))

    x_validation, y_validation = problem.validation
    x_fresh, y_fresh = problem.fresh

    @tf.function
    def evaluate() -> tuple[Tensor, ...]:
        fresh = errors(y_fresh[:, None], outputs_of(x_fresh))
        targets = tf.repeat(y_validation[:, None], num_networks, axis=1)
        validation = losses(targets, outputs_of(x_validation))
        return (
            tf.reduce_mean(errors(y, stack(x)), axis=0),
            tf.reduce_mean(validation, axis=0),
            tf.reduce_mean(fresh, axis=0),
            tf.transpose(predict(outputs_of(problem.decomposed[0]))),
            tf.reduce_mean(fresh, axis=1),
        )

    epochs = evaluation_epochs(problem.epochs)
    rows = [evaluate()]
    for updates in np.diff(epochs):
        train(tf.constant(updates))
        rows.append(evaluate())
    training, validation, fresh, predictions, examples = (
        np.stack(column) for column in zip(*rows, strict=True)
    )
    return TrainedStack(
        epochs=epochs,
        training_errors=training,
        validation_losses=validation,
        fresh_errors=fresh,
        predictions=predictions,
        fresh_example_errors=examples[-1],
    )


def evaluation_epochs(epochs: int) -> Array:
    """Epochs after which the networks are evaluated, from 0 to the last.

    Example:

    >>> evaluation_epochs(3).tolist(), len(evaluation_epochs(400))
    ([0, 1, 2, 3], 41)
    """
    number = min(epochs, NUM_EVALUATIONS)
    return np.unique(np.linspace(0, epochs, number + 1).round().astype("int32"))
