"""Trains LeNet-5 on handwritten digits, reports, and exports it for serving.

Paper: LeCun et al., 1998, "Gradient-based learning applied to document
recognition", http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf

Usage:
    python apps/lenet_mnist.py --epochs=5
    python apps/lenet_mnist.py --dataset=fashion_mnist --variant=1998

Stopped at any moment, the same command goes on after its last whole epoch.
Expected: 0.6 % test error on MNIST after 60 epochs, 7 minutes on 2 CPU cores;
1.1 % after 5 epochs, 40 seconds.
"""

import functools
import shlex

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

# Fewer images are passed over several times, distorted anew, in one epoch.
IMAGES_AN_EPOCH = 20_000


def define_flags():
    _main.define_common_flags(
        dataset="auto",
        data_dir=None,
        epochs=60,
        batch_size=128,
        learning_rate=2e-3,
        patience=20,
        seed=0,
        workdir="runs/lenet_{dataset}_{variant}_{epochs}_epochs_seed_{seed}",
        export_dir="saved_models/lenet_{dataset}_{variant}",
    )
    flags.DEFINE_enum("variant", "modern", ["modern", "1998"], "Which LeNet-5.")
    flags.DEFINE_bool("augment", True, "Distort the images at every step.")


def train_and_evaluate(
    *,
    data,
    run_directory,
    variant,
    epochs,
    batch_size,
    learning_rate,
    augment,
    patience,
    seed,
):
    """Returns a dict: `model`, `history`, test `scores`, `test_accuracy`.

    `data` is an `ImageDataset`, `run_directory` the `RunDirectory` of the run.
    """
    import keras

    from dlunits.data import batches
    from dlunits.data.images.augmentation import RandomAffine, place_in_field
    from dlunits.models import LeNet5
    from dlunits.training import warmup_cosine

    keras.utils.set_random_seed(seed)
    model = LeNet5(len(data.class_names), variant, input_shape=(32, 32, 1))
    steps = batches.steps_a_pass(len(data.train[0]), batch_size)
    if augment:
        steps *= max(1, IMAGES_AN_EPOCH // len(data.train[0]))
    schedule = warmup_cosine(
        learning_rate, steps=epochs * steps, warmup_steps=steps
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    evaluation = functools.partial(
        batches.evaluation_batches, prepare=place_in_field
    )
    training = functools.partial(
        batches.training_batches,
        *data.train,
        batch_size=batch_size,
        seed=seed,
        prepare=RandomAffine() if augment else lambda x, _: place_in_field(x),
    )

    history = run_directory.fit(
        model,
        training,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_batches=evaluation(*data.validation),
        patience=patience,
    )
    scores = model.predict(evaluation(*data.test))
    correct = scores.argmax(axis=1) == data.test[1]
    return {
        "model": model,
        "history": history,
        "scores": scores,
        "test_accuracy": float(correct.mean()),
    }


def export(directory, *, model, data, test_accuracy):
    """Returns the folder of the SavedModel, which takes 28x28 images."""
    from dlunits.models import LeNet5
    from dlunits.tasks.digits.serve import export_digit_reader

    served = LeNet5(model.num_classes, model.variant)
    served.set_weights(model.get_weights())
    metrics = {"test_error": round(1 - test_accuracy, 6)}
    return export_digit_reader(
        served, directory, data=data, metrics=metrics, command=COMMAND
    )


def run(dataset, data_dir, workdir, export_dir, **recipe):
    """From the flags to a report and a SavedModel, named at the end."""
    from dlunits.data.images import image_datasets
    from dlunits.data.images.augmentation import place_in_field
    from dlunits.training import RunDirectory, check_writable, format_path

    data = image_datasets.load(dataset, data_dir=data_dir)
    print(data.source, flush=True)
    run_of = {"dataset": data.name, "data": data.fingerprint, **recipe}
    export_dir = format_path(export_dir, run_of)
    run_directory = RunDirectory(format_path(workdir, run_of), run_of)
    check_writable(export_dir)
    trained = train_and_evaluate(
        data=data, run_directory=run_directory, **recipe
    )
    accuracy = trained.pop("test_accuracy")

    from dlunits.tasks.digits.report import write_classifier_report

    report = write_classifier_report(
        run_directory.path / "report.html",
        **trained,
        data=data,
        example=place_in_field(data.test[0][:1])[0],
        feature_layers=["c1", "c3"],
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    version = export(
        export_dir, model=trained["model"], data=data, test_accuracy=accuracy
    )
    print(f"Test accuracy: {accuracy:.4f}")
    print(f"Report:        {report}")
    print(f"SavedModel:    {version}")
    if data.handwriting:
        model = shlex.quote(f"--model={version}")
        reader = _main.program("recognize_digits")
        print(f"Use it:        {reader} {model} IMAGE...")


if __name__ == "__main__":
    _main.run_app(define_flags, run, resumes=True, onednn=True)
