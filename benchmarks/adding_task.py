"""Adding task: networks trained up to length 100, tested up to length 400.

Trains an LSTM, a GRU and a simple recurrent network with the same settings, for
each seed, on mini-batches of 50, 60, ... 100 time steps, and reports the RMSE
at 100, 200 and 400 time steps. The baseline predicts the constant 1, the mean
of the targets, with an RMSE of 0.408. Units, learning rate, training steps,
lengths and clipping were chosen on sequences with other seeds than the test
sequences.

Usage:
    python benchmarks/adding_task.py [--quick] [--workdir=FOLDER]

With --workdir, a run that was stopped resumes.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile

from gates import gate

LENGTH = 100

# Test length -> maximum RMSE of the LSTM.
BOUNDS = {100: 0.0105, 200: 0.038, 400: 0.105}

# Minimum RMSE of the simple recurrent network.
MIN_RNN_RMSE = 0.3

NUM_TEST_SEQUENCES = 2000  # per length
# Training uses seeds 0, 1 and 2, hyperparameter search 10**6 and 2 * 10**6.
TEST_SEED = 3 * 10**6

RECIPE = {
    "units": 32,
    "epochs": 10,
    "steps_per_epoch": 500,
    "batch_size": 32,
    "learning_rate": 3e-2,
    "clipnorm": 1.0,
    # With sequences of one length, the bias of the output compensates for a
    # drifting state, and the network does not generalize to longer sequences.
    "min_length": 50,
}


def errors_of(cell, seed, folder, recipe):
    """Returns the RMSE at each test length, and the minutes of training."""
    from dlunits.data.series.adding_task import adding_examples
    from dlunits.tasks.gradient_flow.train import adding_error, train_on_adding
    from dlunits.training import RunDirectory

    run = {"cell": cell, "length": LENGTH, "seed": seed, **recipe}
    run_directory = RunDirectory(pathlib.Path(folder, f"{cell}_{seed}"), run)
    model, _ = train_on_adding(
        cell, run_directory, length=LENGTH, seed=seed, **recipe
    )
    errors = {
        length: adding_error(
            model,
            adding_examples(
                NUM_TEST_SEQUENCES, length=length, seed=TEST_SEED + length
            ),
        )
        for length in BOUNDS
    }
    return errors, run_directory.seconds / 60


def format_errors(errors):
    return " / ".join(f"{errors[length]:.4f}" for length in BOUNDS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru", "rnn"])
    parser.add_argument(
        "--workdir", help="folder of the runs; temporary by default"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one seed, 1,000 steps, no gates"
    )
    arguments = parser.parse_args()
    seeds = 1 if arguments.quick else arguments.seeds
    recipe = dict(RECIPE)
    if arguments.quick:
        recipe["steps_per_epoch"] = 100

    from dlunits.data.series.adding_task import BASELINE_RMSE

    lengths = " / ".join(map(str, BOUNDS))
    print(f"trained up to {LENGTH}, RMSE at {lengths}, {recipe}")
    print(f"constant 1: {' / '.join([f'{BASELINE_RMSE:.4f}'] * len(BOUNDS))}")
    passed = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.workdir or temporary
        for cell in arguments.cells:
            found = []
            for seed in range(seeds):
                errors, minutes = errors_of(cell, seed, folder, recipe)
                found.append(errors)
                print(
                    f"{cell}, seed {seed}: {format_errors(errors)}, "
                    f"{minutes:.1f} min",
                    flush=True,
                )
            mean = {
                length: statistics.mean(errors[length] for errors in found)
                for length in BOUNDS
            }
            print(f"{cell}, mean of {seeds}: {format_errors(mean)}", flush=True)
            if arguments.quick:
                continue
            if cell == "lstm":
                for length, bound in BOUNDS.items():
                    name = f"adding_task (LSTM, length {length})"
                    passed &= gate(name, mean[length], "<=", bound)
            if cell == "rnn":
                name = f"adding_task (RNN fails, length {LENGTH})"
                passed &= gate(name, mean[LENGTH], ">=", MIN_RNN_RMSE)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
