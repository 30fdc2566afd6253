"""Classifies handwritten digits with a recurrent network, row by row.

An image is a sequence of 28 rows with 28 pixels each; the digit is predicted
after the last row (many-to-one). `--cell=all` compares the recurrent cells.

Paper: Le, Jaitly and Hinton, 2015, "A simple way to initialize recurrent
networks of rectified linear units", https://arxiv.org/abs/1504.00941, section
4.2, on digits as sequences of pixels.

Usage:
    python apps/sequence_digits.py --cell=lstm --bidirectional
    python apps/sequence_digits.py --cell=all --dataset=digits

After an interruption the same command resumes from the last finished epoch.
Expected: 99.2 % test accuracy on MNIST with the LSTM after 8 epochs, 2 minutes
of one CPU core.
"""

import shlex

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

CELLS = ("rnn", "lstm", "gru")


def define_flags():
    _main.define_distribution_flags()
    _main.define_common_flags(
        dataset="auto",
        data_dir=None,
        units=128,
        num_layers=1,
        dropout=0.2,
        epochs=8,
        steps_per_epoch=None,
        batch_size=128,
        learning_rate=3e-3,
        patience=20,
        seed=0,
        workdir="runs/sequence_{dataset}_{cell}_{directions}_{epochs}_epochs_"
        "seed_{seed}",
        export_dir="saved_models/sequence_{dataset}_{cell}_{directions}",
    )
    flags.DEFINE_enum(
        "cell",
        "lstm",
        [*CELLS, "all"],
        "Recurrent cell. all trains and compares all of them, each in a "
        "subfolder of --workdir.",
    )
    flags.DEFINE_bool(
        "bidirectional",
        False,
        "Process the rows in both directions, with --units units each.",
    )
    flags.DEFINE_bool(
        "augment",
        True,
        "Distort the training images by random rotation, shear, scaling and "
        "translation.",
    )


def export(directory, *, result, data):
    """Exports a model of 28x28 images, and returns its folder."""
    import keras

    from dlunits.tasks.digits.serve import export_digit_classifier

    rows = keras.layers.Reshape((28, 28), name="rows")
    served = keras.Sequential([keras.Input((28, 28, 1)), rows, result["model"]])
    wrong = result["scores"].argmax(axis=1) != data.test[1]
    metrics = {"test_error": round(float(wrong.mean()), 6)}
    return export_digit_classifier(
        served, directory, data=data, metrics=metrics, command=COMMAND
    )


def run(cell, dataset, data_dir, workdir, export_dir, **recipe):
    """Trains, writes the report, exports; prints the paths of the results."""
    from dlunits.data.images import image_datasets
    from dlunits.paths import expand_user
    from dlunits.reporting.text_table import format_table
    from dlunits.tasks.digits.sequence_report import (
        accuracy_table,
        write_sequence_report,
    )
    from dlunits.tasks.digits.train_sequence_classifier import (
        predict_rows,
        train_sequence_classifier,
    )
    from dlunits.training import RunDirectory, check_writable, format_path
    from dlunits.training.distribution import current

    data = image_datasets.load(dataset, data_dir=data_dir)
    print(data.source, flush=True)
    recipe["batch_size"] = _main.limit_batch_size(
        recipe["batch_size"], len(data.train[0])
    )
    directions = (
        "bidirectional" if recipe["bidirectional"] else "unidirectional"
    )

    def path_of(template, cell):
        names = {"dataset": data.name, "cell": cell, "directions": directions}
        path = format_path(template, {**names, **recipe})
        return expand_user(path)

    # All folders are checked before the first model is trained.
    cells, top = [cell], path_of(workdir, cell)
    if cell == "all":
        cells, workdir = CELLS, str(top / "{cell}")
        if "{cell}" not in export_dir:
            export_dir += "/{cell}"
    run_directories = {}
    for name in cells:
        config = {"cell": name, "data": data.fingerprint, **recipe}
        run_directories[name] = RunDirectory(path_of(workdir, name), config)
        check_writable(path_of(export_dir, name))

    def train(cell):
        return train_sequence_classifier(
            data, run_directories[cell], cell=cell, **recipe
        )

    current().train_together(lambda: [train(name) for name in cells])
    results = {}
    for name, run_directory in run_directories.items():
        print(f"{name}, {directions}", flush=True)
        model, history = train(name)
        results[name] = {
            "model": model,
            "history": history,
            "scores": predict_rows(model, data.test[0]),
            "seconds": run_directory.seconds,
        }
    report = write_sequence_report(
        top / "report.html", results=results, data=data, command=COMMAND
    )
    print(f"\n{format_table(*accuracy_table(results, data))}\n")
    print(f"Report:     {report}")
    for name, result in results.items():
        version = export(path_of(export_dir, name), result=result, data=data)
        print(f"SavedModel: {version}", flush=True)
    model = shlex.quote(f"--model={version}")
    reader = _main.program("recognize_digits")
    print(f"Use it:     {reader} {model} IMAGE...")


if __name__ == "__main__":
    _main.run_app(
        define_flags, run, resumes=True, onednn=True, log_warnings=False
    )
