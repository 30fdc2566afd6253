r"""Measures bias, variance and noise of networks, and tests early stopping.

Many networks are trained on different training sets: of a regression with a
known true function and of digits, or of your own data. The report shows bias,
variance and noise over the width and over training time, learning curves with a
verdict (high bias, high variance, well fitted), and early stopping with its
Keras code. All numbers are also written to CSV files.

Papers: Geman et al., 1992, "Neural Networks and the Bias/Variance Dilemma",
https://doi.org/10.1162/neco.1992.4.1.1; Domingos, 2000, "A Unified
Bias-Variance Decomposition and its Applications".

Usage:
    python apps/bias_variance.py
    python apps/bias_variance.py --dataset=digits --label_noise=0.2
    python apps/bias_variance.py --data=my.csv --target=price
    python apps/bias_variance.py --dataset=digits --model=my_model.keras

After an interruption the same command resumes from the last finished training.
Expected: a minute and a half of one CPU core with the embedded digits.
"""

import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

BATCH_SIZE = 20  # of the run whose code is shown
MODEL_FILE = "own_model.keras"
MAX_OWN_NETWORKS = 100  # all are trained at the same time
SINE_SIZE = 30  # examples in each training set of the sine
SINE_WIDTHS = (1, 3, 5, 10, 30, 80)


def define_flags():
    _main.define_common_flags(
        dataset="auto",
        data=None,
        target=None,
        **dict.fromkeys(_main.CSV_FLAGS),
        data_dir=None,
        epochs=200,
        patience=20,
        seed=0,
        max_seed=2**31 - 1,
        workdir="runs/bias_variance_{dataset}_{epochs}_epochs_seed_{seed}",
    )
    flags.DEFINE_string(
        "model",
        None,
        "Your own network, a .keras file. It is trained from new initial "
        "weights on the same training sets as the dense networks of --widths. "
        "Error over training time, learning curve and early stopping are "
        "those of this network instead of the widest dense one.",
    )
    flags.DEFINE_list(
        "widths",
        "1,2,4,16,64,128",
        "Numbers of hidden units to compare on --dataset or --data.",
    )
    flags.DEFINE_integer(
        "num_sets",
        30,
        "Number of training sets. For each width, one network is trained on "
        "each set.",
        lower_bound=2,
        upper_bound=1000,
    )
    flags.DEFINE_integer(
        "num_examples",
        100,
        "Number of examples in each training set of --dataset or --data. "
        "Learning curves range from a quarter of it to four times as many.",
        lower_bound=4,
    )
    flags.DEFINE_float(
        "label_noise",
        None,
        "Probability that a label is replaced by another class, in the data "
        "for training, validation and the measured error. Default: 0.1 with "
        "--dataset, 0 with --data.",
        lower_bound=0,
        upper_bound=0.9,
    )
    flags.DEFINE_float(
        "learning_rate",
        3e-3,
        "Learning rate of the Adam optimizer.",
        lower_bound=0,
    )


def check_flags(given):
    _main.refuse_with(
        given, "data", ["dataset", "data_dir"], "the data are read from it"
    )
    _main.refuse_without(given, ["data"], ["target", *_main.CSV_FLAGS])


def run(
    dataset,
    data,
    target,
    data_dir,
    workdir,
    model,
    widths,
    num_sets,
    num_examples,
    label_noise,
    seed,
    epochs,
    learning_rate,
    patience,
    **dialect,
):
    """Trains all networks, and writes the report and the CSV files."""
    widths = parse_widths(widths)
    if model and num_sets > MAX_OWN_NETWORKS:
        raise ValueError(
            f"--num_sets must be at most {MAX_OWN_NETWORKS} with --model. "
            f"Received: {num_sets}"
        )

    from tqdm import tqdm

    from dlunits.paths import expand_user
    from dlunits.reporting.text_table import format_table
    from dlunits.tasks.lab.bias_variance import experiments, problems, report
    from dlunits.tasks.lab.bias_variance.stacked_networks import OWN_MODEL
    from dlunits.tasks.lab.sources import (
        fix_input_shape,
        load_data,
        load_model,
        reshape_examples,
        save_arrays,
    )
    from dlunits.training import check_writable, format_path, lock_run

    start = time.monotonic()
    network = load_model(model) if model else None
    loaded = load_data(
        dataset, data=data, target=target, data_dir=data_dir, dialect=dialect
    )
    if network is not None:
        shape = reshape_examples(loaded, network).input_shape
        network = fix_input_shape(network, shape)
    print(loaded.source, flush=True)
    if label_noise is None:
        label_noise = 0.0 if data else 0.1
    prepared = problems.prepare_data(
        loaded,
        label_noise=label_noise,
        pool_size=problems.POOL_SIZE if network is None else 1,
        seed=seed,
    )
    recipe = {
        "learning_rate": learning_rate,
        "epochs": epochs,
        "patience": patience,
        "seed": seed,
    }
    own = problems.data_problem(
        prepared,
        noise=None if loaded.is_regression else label_noise,
        **recipe,
    )
    if num_examples > own.max_examples:
        raise ValueError(
            f"--num_examples must be at most {own.max_examples}, the number of "
            f"training examples of {own.title}. Received: {num_examples}"
        )
    folder = expand_user(
        format_path(workdir, {"dataset": loaded.name, **recipe})
    )
    finished = folder / "finished"
    check_writable(finished)
    lock = lock_run(folder)
    own_widths = [*widths, OWN_MODEL] if network is not None else widths
    plans = [(own, own_widths, num_examples)]
    source = loaded.source
    if data is None:
        sine = problems.sine_problem(seed=seed)
        plans.insert(0, (sine, SINE_WIDTHS, SINE_SIZE))
        source = f"A sine with noise, generated; {source}"
    total = sum(
        len(experiments.trainings(problem, sizes, num_sets, size))
        for problem, sizes, size in plans
    )
    results = []
    with tqdm(total=total, unit="training") as progress:
        for problem, sizes, size in plans:
            progress.set_description(problem.title)
            results.append(
                experiments.measure(
                    finished,
                    problem,
                    widths=sizes,
                    num_sets=num_sets,
                    size=size,
                    seed=seed,
                    model=network,
                    on_training=progress.update,
                )
            )
    if network is not None:
        prepared = reshape_examples(prepared, network)
        network.save(folder / MODEL_FILE)
    save_arrays(folder / report.DATA_FILE, prepared)
    example, code = example_run(
        folder, prepared, network, widths[-1], size=num_examples, **recipe
    )
    paths = report.write_tables(folder, results, example)
    written = report.write_bias_variance_report(
        folder / "report.html",
        results=results,
        example=example,
        example_name=(
            f"a network with {widths[-1]} hidden units"
            if network is None
            else "your own model"
        )
        + f" on {num_examples} examples of {loaded.name}",
        code=code,
        command=COMMAND,
        dataset=source,
        seconds=time.monotonic() - start,
    )
    lock.release()
    for result in results:
        print(f"\n{result.problem.title}")
        print(format_table(*report.printed_table(result)))
    print(f"\nCSV:     {folder}: {', '.join(path.name for path in paths)}")
    print(f"Report:  {written}")
    print("View it: open the report in a browser")


def example_run(
    folder,
    data,
    network,
    width,
    *,
    size,
    epochs,
    learning_rate,
    patience,
    seed,
):
    """Trains one network with and without early stopping.

    Returns:
        `(example, code)`: the losses, and the Keras code of the training.
    """
    import keras

    from dlunits.tasks.lab.bias_variance import experiments, report
    from dlunits.tasks.lab.keras_code import training_code
    from dlunits.training.result_cache import cached_arrays

    # As many updates as for the other networks, in fewer epochs.
    batch_size = min(BATCH_SIZE, size)
    epochs, patience = (
        -(-number // (size // batch_size)) for number in (epochs, patience)
    )

    def make_model():
        if network is None:
            return experiments.dense_network(data, width)
        return keras.models.clone_model(network)

    options = {
        "size": size,
        "batch_size": batch_size,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "seed": seed,
    }

    def compute():
        full, stopped = (
            experiments.fit_one_network(
                data, make_model, patience=epochs_waited, **options
            )
            for epochs_waited in (None, patience)
        )
        return report.example_arrays(full, stopped, patience)

    model = make_model()
    example = cached_arrays(
        folder / "finished" / "example_run.npz",
        {
            "data": data.fingerprint,
            "network": width if network is None else network.to_json(),
            "patience": patience,
            **options,
        },
        compute,
    )
    code = training_code(
        model,
        data,
        data_file=report.DATA_FILE,
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=experiments.loss_of(model, data),
        batch_size=batch_size,
        epochs=epochs,
        seed=seed,
        num_examples=size,
        model_file=None if network is None else MODEL_FILE,
    )
    return example, code


def parse_widths(texts):
    """Parses numbers of hidden units; returns them in ascending order."""
    try:
        widths = sorted({int(text) for text in texts})
    except ValueError:
        widths = []
    if len(widths) < 2 or not 1 <= widths[0] <= widths[-1] <= 10_000:
        raise ValueError(
            "--widths must be at least two different integers from 1 to "
            f"10,000, such as --widths=1,4,16. Received: {','.join(texts)}"
        )
    return widths


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        resumes=True,
        log_warnings=False,
    )
