r"""Compares training runs that differ in one or two settings.

The report shows loss and accuracy against updates, epochs and seconds, the
gradient norm of each layer, saturated and dead units, the size of the updates,
paths of optimizers on loss surfaces, and whether the runs support common claims
about training. It ends with the Keras code of each run.

Usage:
    python apps/training_lab.py --compare=optimizer
    python apps/training_lab.py --compare=activation --num_layers=4
    python apps/training_lab.py --compare=optimizer,learning_rate \
        --values="sgd,adam;0.001,0.01,0.1"
    python apps/training_lab.py --compare=batch_size --data=my.csv --target=kind
    python apps/training_lab.py --compare=regularizer --model=my_model.keras

After an interruption the same command resumes from the last finished run.
Expected: 6 optimizers with 3 seeds on the embedded digits take about a minute
of one CPU core.
"""

import time

from absl import flags

import _main

COMMAND = _main.command_line(__file__)

FACTORS = (
    "optimizer",
    "gradient_descent",
    "activation",
    "initializer",
    "batch_size",
    "learning_rate",
    "depth",
    "width",
    "loss",
    "regularizer",
    "data_size",
)

# Flags of the dense network, which have no effect on a user's model.
NETWORK_FLAGS = ("units", "num_layers")
NETWORK_FACTORS = {"depth", "width"}

# Flag -> settings whose comparison gives its values.
COMPARED = {
    "optimizer": {"optimizer", "gradient_descent"},
    "activation": {"activation"},
    "batch_size": {"batch_size"},
    "learning_rate": {"learning_rate"},
    "num_layers": {"depth"},
    "units": {"width"},
}


def define_flags():
    flags.DEFINE_list(
        "compare",
        "optimizer",
        "Setting to compare, or two of them as a grid: "
        f"{', '.join(FACTORS)}. all compares each of them, in a subfolder of "
        "--workdir.",
    )
    flags.DEFINE_string(
        "values",
        None,
        "Values to compare, separated by commas, such as sgd,adam. A "
        "semicolon separates the values of two settings. regularizer takes a "
        "strength, l2:0.001, and initializer a standard deviation, "
        "random_normal:0.1.",
    )
    flags.DEFINE_integer(
        "seeds",
        3,
        "Number of training runs of each value, with the seeds --seed, --seed "
        "+ 1 and so on. Confidence intervals need at least 2.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "model",
        None,
        "Your own network, a .keras file. It is trained from new initial "
        "weights; if activations, initializers or regularizers are compared, "
        "its own are replaced.",
    )
    _main.define_common_flags(
        dataset="auto",
        data=None,
        target=None,
        **dict.fromkeys(_main.CSV_FLAGS),
        data_dir=None,
        epochs=10,
        batch_size=32,
        units=64,
        seed=0,
        max_seed=2**31 - 1,
        workdir="runs/training_lab_{dataset}_{compare}",
    )
    flags.DEFINE_float(
        "learning_rate",
        None,
        "Learning rate. Default: 0.05 for sgd, momentum, nesterov and adagrad, "
        "0.001 for rmsprop and adam.",
        lower_bound=0,
    )
    flags.DEFINE_enum(
        "optimizer",
        "adam",
        ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"],
        "Optimizer, unless it is compared.",
    )
    flags.DEFINE_enum(
        "activation",
        None,
        ["sigmoid", "tanh", "relu", "leaky_relu", "softmax"],
        "Activation of the hidden layers. Default: relu, or those of --model.",
    )
    flags.DEFINE_float(
        "negative_slope",
        0.1,
        "Slope of leaky ReLU for negative inputs, usually 0.01 to 0.2.",
        lower_bound=0,
        upper_bound=1,
    )
    flags.DEFINE_integer(
        "num_layers",
        2,
        "Number of hidden layers.",
        lower_bound=0,
        upper_bound=100,
    )


def check_flags(given):
    _main.refuse_with(
        given, "data", ["dataset", "data_dir"], "the data are read from it"
    )
    _main.refuse_with(
        given, "model", NETWORK_FLAGS, "the network is read from it"
    )
    _main.refuse_without(given, ["data"], ["target", *_main.CSV_FLAGS])
    for name, factors in COMPARED.items():
        if name in given and factors & set(flags.FLAGS.compare):
            raise ValueError(
                f"--{name} has no effect with "
                f"--compare={','.join(flags.FLAGS.compare)}: its values are "
                "compared, set them with --values"
            )


def run(
    compare,
    values,
    seeds,
    dataset,
    data,
    target,
    data_dir,
    workdir,
    model,
    **settings,
):
    """Trains the runs of each comparison and writes its report."""
    from dlunits.paths import expand_user
    from dlunits.tasks.lab.sources import (
        load_data,
        load_model,
        reshape_examples,
    )
    from dlunits.tasks.lab.training.recipes import check_factors
    from dlunits.training import format_path

    every = compare == ["all"]
    if every and values is not None:
        raise ValueError("--values has no effect with --compare=all")
    if not every:
        check_factors(compare)
    if model and NETWORK_FACTORS & set(compare):
        raise ValueError(
            f"--compare={','.join(compare)} needs the dense network of the "
            "lab: the depth and width of --model are fixed"
        )
    network = load_model(model) if model else None
    dialect = {name: settings.pop(name) for name in _main.CSV_FLAGS}
    loaded = load_data(
        dataset, data=data, target=target, data_dir=data_dir, dialect=dialect
    )
    if network is not None:
        loaded = reshape_examples(loaded, network)
    print(loaded.source, flush=True)
    names = {"dataset": loaded.name, "compare": "_".join(compare)}
    folder = expand_user(format_path(workdir, {**names, **settings}))
    comparisons = {folder: compare}
    if every:
        left_out = NETWORK_FACTORS if model else ()
        comparisons = {
            folder / factor: [factor]
            for factor in FACTORS
            if factor not in left_out
        }
    recipe = make_recipe(settings, loaded, network)
    for place, factors in comparisons.items():
        compare_runs(place, factors, values, seeds, recipe, loaded, network)


def make_recipe(settings, data, network):
    """Settings of all runs, before one is compared."""
    from dlunits.tasks.lab.training.recipes import Recipe

    size = _main.limit_batch_size(settings["batch_size"], len(data.train[1]))
    own = {"batch_size": size}
    if network is None:
        own["activation"] = settings["activation"] or "relu"
    else:
        own |= dict.fromkeys(
            ("initializer", "regularizer", "units", "num_layers")
        )
    if data.is_regression:
        own["loss"] = "mean_squared_error"
    return Recipe(**{**settings, **own})


def compare_runs(folder, factors, values, seeds, recipe, data, network):
    """Trains the runs of a comparison that are not finished, and reports."""
    from tqdm import tqdm

    from dlunits.reporting.text_table import format_table
    from dlunits.tasks.lab.sources import save_arrays
    from dlunits.tasks.lab.training import claims, descent, report, results
    from dlunits.tasks.lab.training.recipes import make_runs
    from dlunits.tasks.lab.training.train import Trainers, check_networks
    from dlunits.training import check_writable
    from dlunits.training.run_lock import lock_run

    start = time.monotonic()
    runs = make_runs(factors, values, recipe, data, seeds)
    if network is not None:
        check_networks([run.recipe for run in runs], data, network)
    finished = folder / "finished"
    check_writable(finished)
    lock = lock_run(folder)
    save_arrays(folder / report.DATA_FILE, data)
    trainers = Trainers(data, network)
    trained = []
    progress = tqdm(runs, desc=", ".join(factors), unit="run")
    for run in progress:
        progress.set_postfix_str(f"{run.label}, seed {run.recipe.seed}")
        keep_path = run.recipe.seed == recipe.seed
        identity = results.identity(run.recipe, data, network, keep_path)
        path = results.run_path(finished, run.label, identity)
        result = results.load_result(path, identity)
        if result is None:
            result = trainers.fit(run.recipe, keep_path)
            results.save_result(path, identity, result)
        trained.append(result)
    comparison = results.Comparison(factors, runs, trained, data, network)
    surfaces = {}
    if optimizers := report.compared_optimizers(comparison):
        surfaces = {
            name: descent.surface_paths(name, optimizers)
            for name in descent.SURFACES
        }
    plane = descent.plane_paths(comparison)
    found = claims.find_claims(comparison, surfaces)
    results.write_tables(folder, comparison)
    page = report.write_training_report(
        folder / "report.html",
        comparison,
        found,
        surfaces=surfaces,
        plane=plane,
        command=COMMAND,
        seconds=time.monotonic() - start,
    )
    lock.release()
    header = [
        *(", ".join(factors), "training loss", f"test {comparison.score}"),
        *("seconds", "updates", "diverged"),
    ]
    rows = [
        [row[name] for name in header]
        for row in results.summary_rows(comparison)
    ]
    print(f"\n{format_table(header, rows)}\n")
    for claim in found:
        print(f"{claim.title}: {claim.verdict}")
    print(f"\nReport: {page}")
    print(f"Tables: {folder}/*.csv", flush=True)


if __name__ == "__main__":
    _main.run_app(
        define_flags,
        run,
        check_flags=check_flags,
        resumes=True,
        log_warnings=False,
    )
