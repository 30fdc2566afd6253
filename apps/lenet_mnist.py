"""Trains LeNet-5 on handwritten digits, and exports it for serving.

Paper: LeCun et al., 1998, "Gradient-based learning applied to document
recognition", http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf

Usage:
    python apps/lenet_mnist.py --epochs=5
    python apps/lenet_mnist.py --dataset=fashion_mnist --variant=1998

After an interruption the same command resumes from the last finished epoch.
Expected: 0.6 % test error on MNIST after 60 epochs, 7 minutes on 2 CPU cores;
1.1 % after 5 epochs, 40 seconds.
"""

import shlex

from absl import flags

import _main

COMMAND = _main.command_line(__file__)


def define_flags():
    _main.define_common_flags(
        dataset="auto",
        data_dir=None,
        epochs=60,
        steps_per_epoch=None,
        batch_size=128,
        learning_rate=2e-3,
        patience=20,
        seed=0,
        workdir="runs/lenet_{dataset}_{variant}_{epochs}_epochs_seed_{seed}",
        export_dir="saved_models/lenet_{dataset}_{variant}",
    )
    _main.define_distribution_flags()
    flags.DEFINE_enum(
        "variant",
        "modern",
        ["modern", "1998"],
        "Variant of LeNet-5. modern: average pooling and softmax; 1998: as in "
        "the paper, with trainable subsampling and RBF outputs.",
    )
    flags.DEFINE_bool(
        "augment",
        True,
        "Distort the training images at random, see --augmentation.",
    )
    flags.DEFINE_enum(
        "augmentation",
        "affine",
        ["affine", "handwriting"],
        "Distortion of the training images. affine: rotation, shear, scaling "
        "and translation. handwriting: also elastic distortion, stroke width, "
        "blur and contrast, for digits of other pens and scanners; shapes "
        "that are not digits are added as a class of their own.",
    )


def export(directory, *, model, data, test_accuracy):
    """Exports a model of 28x28 images, and returns its folder."""
    from dlunits.models import LeNet5
    from dlunits.tasks.digits.serve import export_digit_classifier

    served = LeNet5(model.num_classes, model.variant)
    served.set_weights(model.get_weights())
    metrics = {"test_error": round(1 - test_accuracy, 6)}
    return export_digit_classifier(
        served, directory, data=data, metrics=metrics, command=COMMAND
    )


def run(dataset, data_dir, workdir, export_dir, **recipe):
    """Trains, writes the report and exports; prints the paths of the results.

    `recipe` is passed on to `train_lenet`.
    """
    from dlunits.data.images import image_datasets
    from dlunits.data.images.augmentation import pad_to_32x32
    from dlunits.tasks.digits.train import predict_lenet, train_lenet
    from dlunits.training import RunDirectory, check_writable, format_path
    from dlunits.training.distribution import current

    data = image_datasets.load(dataset, data_dir=data_dir)
    print(data.source, flush=True)
    recipe["batch_size"] = _main.limit_batch_size(
        recipe["batch_size"], len(data.train[0])
    )
    config = {"dataset": data.name, "data": data.fingerprint, **recipe}
    export_dir = format_path(export_dir, config)
    run_directory = RunDirectory(format_path(workdir, config), config)
    check_writable(export_dir)
    model, history = current().train(
        lambda: train_lenet(data, run_directory, **recipe)
    )
    scores = predict_lenet(model, data.test[0])[:, : len(data.class_names)]
    accuracy = float((scores.argmax(axis=1) == data.test[1]).mean())

    from dlunits.tasks.digits.report import write_classifier_report

    report = write_classifier_report(
        run_directory.path / "report.html",
        model=model,
        history=history,
        scores=scores,
        data=data,
        example=pad_to_32x32(data.test[0][:1])[0],
        feature_layers=["c1", "c3"],
        command=COMMAND,
        seconds=run_directory.seconds,
    )
    version = export(export_dir, model=model, data=data, test_accuracy=accuracy)
    print(f"Test accuracy: {accuracy:.4f}")
    print(f"Report:        {report}")
    print(f"SavedModel:    {version}")
    model = shlex.quote(f"--model={version}")
    reader = _main.program("recognize_digits")
    print(f"Use it:        {reader} {model} IMAGE...")


def check_flags(given):
    """Checks for flags that have no effect together with others."""
    if flags.FLAGS.augment is False:
        _main.refuse_with(
            {*given, "noaugment"},
            "noaugment",
            ["augmentation"],
            "the images are not distorted",
        )


if __name__ == "__main__":
    _main.run_app(
        define_flags, run, check_flags=check_flags, resumes=True, onednn=True
    )
