"""Input tables from files, embedded data, data sets and image folders."""

import functools
import io
import types

import numpy as np
import pyarrow.parquet
import pytest
import tqdm
from PIL import Image

from dlunits.data.images import image_datasets
from dlunits.models.anomaly.image_features import image_features
from dlunits.tasks.anomaly.sources import find_input_tables, make_run_folders


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    return find_input_tables(
        None, None, folder, dataset="digits", normal_class="3"
    )


def read(path):
    return pyarrow.parquet.read_table(path).to_pydict()


def save(path, gray):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (30, 20), gray).save(path)


def test_table_files_are_used_as_they_are(tmp_path):
    tables = find_input_tables(
        "a.csv", "b.parquet", tmp_path, label_column="state", normal_class="ok"
    )
    assert (tables.train, tables.score) == ("a.csv", "b.parquet")
    assert (tables.label_column, tables.normal_class) == ("state", "ok")
    assert tables.images is None and not list(tmp_path.iterdir())


def test_one_class_is_trained_on_and_all_test_images_are_scored(example):
    data = image_datasets.load("digits")
    known, new = read(example.train), read(example.score)
    of_three = (data.train[1] == 3).sum() + (data.validation[1] == 3).sum()
    assert len(known["image"]) == of_three and "label" not in known
    assert new["label"] == [
        "normal" if label == 3 else "anomaly" for label in data.test[1]
    ]
    # "normal" is the normal label now, not the class.
    assert (example.label_column, example.normal_class) == ("label", None)
    np.testing.assert_array_equal(example.images, data.test[0])


def test_a_row_holds_the_features_of_its_image(example):
    columns = read(example.score)
    rows = np.stack([columns[f"number_{i}"] for i in range(1, 129)], axis=1)
    images = example.images.astype("float32") / 255
    feature_extractor = image_features((28, 28, 1))
    np.testing.assert_allclose(
        rows, feature_extractor.predict(images, verbose=0), atol=1e-5
    )


def test_breast_tumors_are_the_default(tmp_path):
    tables = find_input_tables(None, None, tmp_path)
    assert tables.label_column == "diagnosis"
    assert tables.train.is_file() and tables.feature_extractor is None


def test_image_folders_become_tables_and_normal_images_are_trained_on(tmp_path):
    for gray in range(3):
        save(tmp_path / f"known/good/{gray}.png", gray)
        save(tmp_path / f"known/bad/{gray}.png", gray)
        save(tmp_path / f"new/{gray}.png", gray)
    (tmp_path / "new/broken.png").write_bytes(b"")
    known, new = tmp_path / "known", tmp_path / "new"
    stream = io.StringIO()
    tables = find_input_tables(
        known,
        new,
        tmp_path,
        image_size=16,
        progress=functools.partial(tqdm.tqdm, file=stream),
    )
    assert "Reading images: 100%" in stream.getvalue()
    assert "6/6" in stream.getvalue() and "4/4" in stream.getvalue()
    assert read(tables.train)["image"] == [f"good/{i}.png" for i in range(3)]
    assert read(tables.score)["image"] == [f"{i}.png" for i in range(3)]
    assert tables.label_column is None
    assert tables.feature_extractor.input_shape == (None, 16, 16, 1)
    assert tables.num_unreadable == 1
    assert "broken.png" in tables.messages[-1]


def test_images_to_score_have_the_scale_of_the_training_images(tmp_path):
    def save_deep(path, value):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((9, 9), value, "uint16")).save(path)

    for value in (1_000, 4_000):  # 12 bits
        save_deep(tmp_path / f"known/{value}.png", value)
    for value in (800, 5_000):  # 10 bits, and more than 12
        save_deep(tmp_path / f"new/{value}.png", value)
    tables = find_input_tables(
        tmp_path / "known", tmp_path / "new", tmp_path, image_size=16
    )
    assert tables.significant_bits == 12
    assert np.all(tables.images == 800 >> 4)
    assert "values of 12 bits" in tables.messages[0]
    assert "5000.png: has values up to 5,000" in tables.messages[-1]

    detector = types.SimpleNamespace(
        image_size=16,
        card={"significant_bits": tables.significant_bits},
        extract_features=lambda images: images.reshape(len(images), -1),
    )
    again = find_input_tables(
        None, tmp_path / "new", tmp_path, detector=detector
    )
    np.testing.assert_array_equal(again.images, tables.images)


def test_a_training_folder_with_anomalies_only_is_refused(tmp_path):
    save(tmp_path / "known/bent/1.png", 9)
    save(tmp_path / "new/1.png", 9)
    known, new = tmp_path / "known", tmp_path / "new"
    with pytest.raises(ValueError, match="known: 1 images, all of them ano"):
        find_input_tables(known, new, tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


def test_sources_that_exclude_each_other_are_refused(tmp_path):
    save(tmp_path / "known/1.png", 9)
    known, table = tmp_path / "known", tmp_path / "new.csv"
    for paths in ((known, table), (table, known)):
        with pytest.raises(ValueError, match=r"known: is a folder, and .*new"):
            find_input_tables(*paths, tmp_path)
    for labels in ({"label_column": "state"}, {"normal_class": "ok"}):
        with pytest.raises(ValueError, match="known: is a folder, whose subf"):
            find_input_tables(known, None, tmp_path, **labels)
    for dataset in ("wdbc", "digits"):
        with pytest.raises(ValueError, match=f"'{dataset}' has its own lab"):
            find_input_tables(
                None, None, tmp_path, dataset=dataset, label_column="state"
            )


def test_a_run_is_named_after_the_training_data_or_the_model_and_table(
    tmp_path,
):
    folders = f"{tmp_path}/runs/{{dataset}}", f"{tmp_path}/models/{{dataset}}"
    name, run, models = make_run_folders("a/pump.csv", "b.csv", None, *folders)
    assert name == "pump"
    assert (run, models) == (tmp_path / "runs/pump", tmp_path / "models/pump")
    assert run.is_dir() and models.is_dir()
    model = "saved_models/anomaly_pump/3"
    name, run, models = make_run_folders("wdbc", "b.csv", model, *folders)
    assert name == "pump_3_b" and run.is_dir() and not models.exists()


@pytest.mark.parametrize("normal_class", [None, "10"])
def test_the_normal_class_must_be_one_of_the_classes(tmp_path, normal_class):
    with pytest.raises(ValueError, match="must be one of 0, 1, 2"):
        find_input_tables(
            None, None, tmp_path, dataset="digits", normal_class=normal_class
        )
    assert not list(tmp_path.iterdir())
