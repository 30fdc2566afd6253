"""Networks of the lab, and files of results; tests/apps has a full run."""

import keras
import numpy as np

from dlunits.tasks.lab.convolution import run_lab
from dlunits.tasks.lab.sources import LabData

SPLIT = (np.zeros((2, 28, 28, 1), "float32"), np.array([0, 1], "int32"))
DATA = LabData("photos", "Photos.", ("a", "b"), SPLIT, SPLIT, SPLIT)


def test_a_dense_network_has_at_least_the_size_of_the_cnns():
    sizes = {
        name: make().count_params()
        for name, make in run_lab.make_networks(DATA, None).items()
    }
    assert list(sizes) == ["FCNN", "LeNet-5", "CNN, global pooling"]
    assert max(sizes, key=sizes.get) == "FCNN"


def test_a_model_of_a_user_gets_new_weights_and_a_dense_rival():
    own = keras.Sequential([keras.Input((784,)), keras.layers.Dense(2)])
    networks = run_lab.make_networks(DATA, own)
    assert list(networks) == ["FCNN", "own model"]
    assert networks["FCNN"]().input_shape == (None, 784)
    keras.utils.set_random_seed(5)
    new, old = networks["own model"]().get_weights()[0], own.get_weights()[0]
    assert new.shape == old.shape
    assert not np.allclose(new, old)


def test_files_of_results_differ_by_seed_and_recipe(tmp_path):
    paths = {
        run_lab.training_path(tmp_path, "LeNet-5", seed, {"epochs": epochs})
        for seed in (0, 1)
        for epochs in (2, 3)
    }
    assert len(paths) == 4
    assert all(path.name.startswith("lenet_5_seed_") for path in paths)


def test_accuracies_are_means_of_directions_by_seed():
    def trained(network, seed, *accuracies):
        rows = [{"shift": 1, "accuracy": value} for value in accuracies]
        history = {"loss": [1.0, float("nan") if seed else 0.5]}
        return run_lab.Trained(network, seed, None, history, 1.0, rows)

    runs = [trained("a", 0, 0.2, 0.4), trained("b", 0, 1), trained("a", 1, 0.5)]
    np.testing.assert_allclose(run_lab.accuracies_at(runs, "a", 1), [0.3, 0.5])
    assert [run.diverged for run in runs] == [False, False, True]
