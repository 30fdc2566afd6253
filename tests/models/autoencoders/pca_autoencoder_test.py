"""The PCA autoencoder against scikit-learn's PCA."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from dlunits.models import pca_autoencoder


@pytest.fixture(scope="module")
def digits():
    return (load_digits().images / 16)[..., None].astype("float32")


def test_codes_and_reconstructions_are_those_of_pca(digits):
    rows = digits.reshape(len(digits), 64)
    pca = PCA(10, random_state=0).fit(rows[:1000])
    model = pca_autoencoder(digits[:1000], latent_dim=10)
    codes = pca.transform(rows[1000:])
    np.testing.assert_allclose(model.encode(digits[1000:]), codes, atol=1e-4)
    np.testing.assert_allclose(
        model.reconstruct(digits[1000:]).reshape(-1, 64),
        pca.inverse_transform(codes),
        atol=1e-4,
    )


def test_the_error_is_the_variance_of_the_other_components(digits):
    values = np.linalg.eigvalsh(np.cov(digits.reshape(-1, 64).T, bias=True))
    model = pca_autoencoder(digits, latent_dim=12)
    error = ((model.reconstruct(digits) - digits) ** 2).mean()
    assert error == pytest.approx(values[:-12].sum() / 64, rel=1e-4)


def test_all_components_reconstruct_exactly(digits):
    model = pca_autoencoder(digits, latent_dim=64)
    np.testing.assert_allclose(model.reconstruct(digits), digits, atol=1e-4)
    assert model.overcomplete


@pytest.mark.parametrize("latent_dim", [0, 21, 65])
def test_rejects_more_components_than_there_are(digits, latent_dim):
    with pytest.raises(ValueError, match=rf"20 examples and 64.*{latent_dim=}"):
        pca_autoencoder(digits[:20], latent_dim)
