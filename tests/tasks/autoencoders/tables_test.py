"""Tables of metrics of autoencoders."""

from dlunits.tasks.autoencoders.tables import DESCRIPTIONS, tables


def metrics(**changed):
    return {
        "latent_dim": 32,
        "pixels": 784,
        "mse": 0.0168,
        "step": 0.5,
        "bits_per_pixel": 0.12,
        "psnr": 17.6,
        "rate_distortion": [
            {"step": 0.5, "bits_per_pixel": 0.12, "psnr": 17.6},
            {"step": 0, "bits_per_pixel": None, "psnr": 17.75},
        ],
        "mean_activation": 0.7,
        "dead_units": 0.25,
        "saturation": None,
        "jacobian_norm": 5.657,
        "sensitivity": 6.5,
        "linear_probe": 0.8872,
        "purity": 0.55,
        "nmi": 0.48,
        "anomaly_auc": 0.93,
        "noisy_psnr": 9.0,
        "denoised_psnr": 14.5,
        "few_labels": [{"labels": 1000, "pretrained": 0.08, "scratch": 0.1}],
        **changed,
    }


def read(results):
    """Heading -> name of the row -> column -> value."""
    return {
        heading: {
            row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows
        }
        for heading, (header, rows) in tables(results).items()
    }


def test_every_metric_is_in_its_column():
    wide = metrics(latent_dim=784, saturation=0.9, mse=0.003)
    found = read({"PCA": {"metrics": metrics()}, "wide": {"metrics": wide}})
    assert found["Reconstruction and compression"]["PCA"] == {
        "Latent dimensions": 32,
        "Code": "undercomplete",
        "MSE per pixel": 0.0168,
        "PSNR (dB)": 17.75,
        "Bits per pixel": 0.12,
        "PSNR at this rate (dB)": 17.6,
    }
    assert found["Code"] == {
        "PCA": {
            "Mean activation": 0.7,
            "Dead units (%)": 25,
            "Saturated (%)": None,
            "Jacobian norm": 5.657,
            "Sensitivity": 6.5,
        },
        "wide": {
            "Mean activation": 0.7,
            "Dead units (%)": 25,
            "Saturated (%)": 90,
            "Jacobian norm": 5.657,
            "Sensitivity": 6.5,
        },
    }
    assert found["Classification and clustering"]["PCA"] == {
        "Linear probe (%)": 88.7,
        "Cluster purity": 0.55,
        "NMI": 0.48,
    }
    assert found["Anomaly detection and denoising"]["PCA"] == {
        "AUC (rotated)": 0.93,
        "PSNR, noisy (dB)": 9.0,
        "PSNR, denoised (dB)": 14.5,
    }
    assert found["Few labels"]["PCA"] == {
        "1,000 labels, pre-trained (%)": 8,
        "1,000 labels, from scratch (%)": 10,
    }
    assert found.keys() == DESCRIPTIONS.keys()


def test_a_code_as_large_as_the_image_is_overcomplete():
    for size, expected in [(783, "undercomplete"), (784, "overcomplete")]:
        found = read({"it": {"metrics": metrics(latent_dim=size)}})
        row = found["Reconstruction and compression"]["it"]
        assert row["Code"] == expected


def test_each_number_of_labels_has_two_columns():
    rows = [
        {"labels": 100, "pretrained": 0.2, "scratch": 0.3},
        {"labels": 500, "pretrained": 0.1, "scratch": 0.15},
    ]
    found = read({"it": {"metrics": metrics(few_labels=rows)}})
    assert list(found["Few labels"]["it"].values()) == [20, 30, 10, 15]


def test_without_few_labels_there_is_no_such_table():
    assert "Few labels" not in tables(
        {"it": {"metrics": metrics(few_labels=[])}}
    )
