"""Data of the labs: tables, folders, and models of users."""

import keras
import numpy as np
import pytest
from PIL import Image

from dlunits.tasks.lab.sources import (
    load_data,
    load_model,
    reshape_examples,
    save_arrays,
)


def write_table(folder, targets, name="my.csv", target="kind"):
    """Writes a table of two features; `size` is derived from the row number."""
    lines = [f"size,color,{target}"]
    lines += [
        f"{row}.5,{'red' if row % 3 else 'blue'},{value}"
        for row, value in enumerate(targets)
    ]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_text_in_the_target_makes_classes(tmp_path):
    path = write_table(tmp_path, ["ja", "näin", "ja"] * 12)
    data = load_data(data=path, target="kind")
    assert data.class_names == ("ja", "näin")
    assert not data.is_regression
    # A sixth of 36 rows. A twelfth of 20 + 10: 1.7 and 0.8, at least 1 each.
    assert [len(y) for _, y in (data.train, data.validation, data.test)] == [
        *(27, 3, 6)
    ]
    assert np.bincount(data.test[1]).tolist() == [4, 2]  # stratified
    # One number and three one-hot features: unknown, blue, red.
    assert data.input_shape == (4,)
    assert "36 rows, 2 feature columns" in data.source


@pytest.mark.parametrize(
    ("values", "names"),
    [(["1", "10", "9"], ("1", "9", "10")), (["no", "yes"], ("no", "yes"))],
)
def test_few_whole_numbers_and_booleans_are_classes(tmp_path, values, names):
    data = load_data(data=write_table(tmp_path, values * 12), target="kind")
    assert data.class_names == names
    labels = np.concatenate(
        [y for _, y in (data.train, data.validation, data.test)]
    )
    assert np.bincount(labels).tolist() == [12] * len(names)


@pytest.mark.parametrize("values", [range(100, 130), [0.5, 1.0, 2.0] * 10])
def test_other_numbers_are_a_standardized_regression(tmp_path, values):
    data = load_data(data=write_table(tmp_path, values), target="kind")
    assert data.is_regression
    assert data.num_outputs == 1
    y = data.train[1]
    assert y.shape == (len(y), 1)
    assert abs(y.mean()) < 1e-6
    assert abs(y.std() - 1) < 1e-6


def test_features_are_standardized_on_the_training_rows_alone(tmp_path):
    data = load_data(data=write_table(tmp_path, ["a", "b"] * 30), target="kind")
    assert abs(np.median(data.train[0][:, 0])) < 1e-6


# Name -> values of the target, its name, message.
BAD_TABLES = {
    "no target": (["a", "b"] * 9, None, "needs --target.*'size', 'color'"),
    "no such column": (["a", "b"] * 9, "kin", "no column 'kin'.*'kind'"),
    "one class": (["a"] * 9, "kind", "the same value 'a' in all rows"),
    "missing values": (["a", "", "b"] * 9, "kind", "9 missing.*row 2"),
    "a class of one row": (["a"] * 9 + ["b"], "kind", "1 rows of class 'b'"),
    "names": (map("name {}".format, range(30)), "kind", "30 different texts"),
    "dates": (["2024-01-31", "2024-02-01"] * 9, "kind", "has timestamps"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables_are_refused_in_one_line(name, tmp_path):
    values, target, message = BAD_TABLES[name]
    path = write_table(tmp_path, values)
    with pytest.raises(ValueError, match=message) as error:
        load_data(data=path, target=target)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))


def test_a_table_without_features_is_refused(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("kind\n" + "a\nb\n" * 9)
    with pytest.raises(ValueError, match="no column besides"):
        load_data(data=path, target="kind")


@pytest.fixture
def image_folder(tmp_path):
    """Two classes with non-ASCII names, of gray, CMYK and 1-pixel images."""
    folder = tmp_path / "images"
    for label, name in enumerate(("näin", "Ωμ")):
        inside = folder / name
        inside.mkdir(parents=True)
        for number in range(6):
            gray = 40 * number + 20 * label
            Image.new("L", (9, 7), gray).save(inside / f"{number}.png")
        Image.new("L", (1, 1), 7).save(inside / "pixel.png")
        Image.new("CMYK", (8, 8), (9, 9, 9, 9)).save(inside / "cmyk.jpg")
        (inside / ".hidden").write_text("no image")
    return folder


def test_images_of_all_color_modes_and_sizes_are_read(image_folder):
    data = load_data(data=image_folder)
    assert set(data.class_names) == {"näin", "Ωμ"}
    assert data.input_shape == (28, 28, 1)
    assert data.is_images
    labels = [y for _, y in (data.train, data.validation, data.test)]
    assert np.bincount(np.concatenate(labels)).tolist() == [8, 8]
    assert data.train[0].max() <= 1


def test_bad_folders_are_refused(image_folder, tmp_path):
    (image_folder / "näin/broken.png").write_text("no image")
    frames = [Image.new("L", (8, 8), gray) for gray in (0, 99)]
    moves = image_folder / "näin/moves.gif"
    frames[0].save(moves, save_all=True, append_images=frames[1:])
    with pytest.raises(OSError, match=r"broken\.png.*moves\.gif \(contains 2"):
        load_data(data=image_folder)
    with pytest.raises(ValueError, match="at least two classes"):
        load_data(data=image_folder / "näin")
    with pytest.raises(ValueError, match="no such file or folder"):
        load_data(data=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="A target column needs a table"):
        load_data(data=image_folder, target="kind")
    with pytest.raises(ValueError, match="A target column needs a table"):
        load_data("digits", target="kind")


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


def test_saved_images_are_the_same_numbers(digits, tmp_path):
    save_arrays(tmp_path / "data.npz", digits)
    with np.load(tmp_path / "data.npz") as arrays:
        assert arrays["x_test"].dtype == "uint8"
        x = arrays["x_test"].astype("float32") / 255
        np.testing.assert_array_equal(x, digits.test[0])
        np.testing.assert_array_equal(arrays["y_train"], digits.train[1])


def test_saved_features_are_the_same_numbers(tmp_path):
    data = load_data(data=write_table(tmp_path, ["a", "b"] * 9), target="kind")
    save_arrays(tmp_path / "data.npz", data)
    with np.load(tmp_path / "data.npz") as arrays:
        np.testing.assert_array_equal(arrays["x_train"], data.train[0])


def test_the_fingerprint_depends_on_the_targets(digits):
    x, y = digits.train
    other = type(digits)(
        *(digits.name, digits.source, digits.class_names),
        *((x, y[::-1]), digits.validation, digits.test),
    )
    assert other.fingerprint != digits.fingerprint
    assert len(digits.fingerprint) == 16


def chain(*layers):
    return keras.Sequential(list(layers))


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (28, 28), (784,), (28, None, 1)]
)
def test_examples_are_reshaped_for_a_model(digits, shape):
    x = keras.Input(shape)
    y = keras.layers.Dense(10)(
        keras.layers.GlobalMaxPooling2D()(x)
        if None in shape
        else keras.layers.Flatten()(x)
    )
    data = reshape_examples(digits, keras.Model(x, y))
    expected = (28, 28, 1) if None in shape else shape
    assert data.input_shape == expected
    np.testing.assert_array_equal(data.test[0].ravel(), digits.test[0].ravel())


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (7, 10, r"inputs of shape \(7,\).*digits have the shape \(28, 28, 1\)"),
        (784, 3, r"outputs of shape \(3,\).*\(10,\): one output for each"),
    ],
)
def test_a_model_of_other_data_is_refused(digits, inputs, outputs, message):
    model = chain(keras.Input((inputs,)), keras.layers.Dense(outputs))
    with pytest.raises(ValueError, match=message):
        reshape_examples(digits, model)


@keras.saving.register_keras_serializable(package="tests")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def test_a_lambda_layer_is_refused_in_one_line(tmp_path):
    path = tmp_path / "my_model.keras"
    layer = keras.layers.Lambda(lambda x: 2 * x, output_shape=(3,))
    chain(keras.Input((3,)), layer).save(path)
    with pytest.raises(ValueError, match="has a Lambda layer") as error:
        load_model(path)
    assert "\n" not in str(error.value)


def test_files_that_are_no_model_are_refused(tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("no model")
    with pytest.raises(ValueError, match=r"text\.keras: cannot be loaded"):
        load_model(path)
    with pytest.raises(ValueError, match="no such file"):
        load_model(tmp_path / "nowhere.keras")
    (tmp_path / "model.h5").write_text("")
    with pytest.raises(ValueError, match="wrong suffix"):
        load_model(tmp_path / "model.h5")
    x = keras.Input((3,))
    keras.Model(x, [x, x]).save(tmp_path / "two.keras")
    with pytest.raises(ValueError, match="1 inputs and 2 outputs"):
        load_model(tmp_path / "two.keras")
