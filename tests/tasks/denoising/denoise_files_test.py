"""Denoising of image files: results, and files that are not replaced."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dlunits.data.images.image_files import read_image
from dlunits.tasks.denoising.denoise_files import denoise_files, load_denoiser


def identity(images):
    return {"denoised": images}


def half(images):
    return {"denoised": images / 2}


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 255, shape, "uint8")


def save(path, array):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "cleaned"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3), (30, 40, 4)])
def test_colors_are_denoised_and_alpha_is_kept(shape, tmp_path, output):
    before = pixels(*shape)
    file = save(tmp_path / "a.tiff", before)
    [(_, target, problem, bits)] = denoise_files(half, [file], output)
    assert problem is bits is None
    assert target == output / "a.png"
    colors = before[..., :3] if len(shape) == 3 else before
    expected = np.round(colors / 2)
    after = read(target)
    np.testing.assert_allclose(
        after[..., :3] if len(shape) == 3 else after, expected, atol=1
    )
    if shape[2:] == (4,):
        np.testing.assert_array_equal(after[..., 3], before[..., 3])


def test_the_input_of_the_model_is_gray_in_the_unit_range(tmp_path, output):
    seen = []

    def model(images):
        seen.append(images.numpy())
        return identity(images)

    before = pixels(30, 40, 3)
    list(denoise_files(model, [save(tmp_path / "a.png", before)], output))
    assert [x.shape for x in seen] == [(1, 30, 40)] * 3
    np.testing.assert_allclose(
        np.stack(seen, axis=-1)[0], before / 255, rtol=1e-6
    )


def test_inverted_images_are_denoised_as_negatives(tmp_path, output):
    """255 - (255 - x) / 2: white stays white."""
    before = pixels(30, 40)
    file = save(tmp_path / "a.png", before)
    [(_, target, *_)] = denoise_files(half, [file], output, invert=True)
    expected = 255 - (255 - before.astype(float)) / 2
    np.testing.assert_allclose(read(target), expected, atol=1)


def test_bad_files_are_reported_and_the_others_denoised(tmp_path, output):
    good = [save(tmp_path / f"{name}.png", pixels(5, 5)) for name in "ab"]
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    files = [good[0], bad, tmp_path / "gone.png", good[1]]
    results = list(denoise_files(identity, files, output))
    assert [result.file for result in results] == files
    problems = [result.problem for result in results]
    assert problems[0] is problems[3] is None
    assert problems[1].startswith("is not an image")
    assert problems[2].startswith("no such file")
    assert sorted(path.name for path in output.iterdir()) == ["a.png", "b.png"]


def test_existing_files_are_replaced_only_if_allowed(tmp_path, output):
    file = save(tmp_path / "a.png", pixels(5, 5))
    other = save(output / "a.png", 0 * pixels(5, 5))
    [(_, _, problem, _)] = denoise_files(identity, [file], output)
    assert "which exists" in problem
    assert read(other).max() == 0
    [(_, _, problem, _)] = denoise_files(
        identity, [file], output, overwrite=True
    )
    assert problem is None
    np.testing.assert_array_equal(read(other), read(file))


def test_images_of_the_same_name_do_not_replace_each_other(tmp_path, output):
    files = [
        save(tmp_path / folder / "a.png", pixels(5, 5) // n)
        for n, folder in enumerate("xy", 1)
    ]
    results = list(denoise_files(identity, files, output, overwrite=True))
    assert results[0].problem is None
    assert f"the result of {files[0]}" in results[1].problem
    np.testing.assert_array_equal(read(output / "a.png"), read(files[0]))


def test_an_image_never_replaces_itself(tmp_path):
    file = save(tmp_path / "a.png", pixels(5, 5))
    before = file.read_bytes()
    [(_, _, problem, _)] = denoise_files(half, [file], tmp_path, overwrite=True)
    assert "an input file" in problem
    assert file.read_bytes() == before


def test_an_unwritable_folder_is_reported_per_file(tmp_path):
    file = save(tmp_path / "a.png", pixels(5, 5))
    [(_, _, problem, _)] = denoise_files(identity, [file], tmp_path / "gone")
    assert "No such file or directory: could not write" in problem
    assert problem.endswith(f"'{tmp_path}/gone/a.png'")


def test_values_of_twelve_bits_keep_their_scale(tmp_path, output):
    before = pixels(30, 40).astype("uint16") * 16  # 0 ... 4,064
    dark = before // 16  # read alone, it would have 8 bits
    files = [save(tmp_path / "a.png", before), save(tmp_path / "b.png", dark)]
    seen = []

    def model(images):
        seen.append(images.numpy())
        return half(images)

    results = list(denoise_files(model, files, output))
    assert [result.significant_bits for result in results] == [12, 12]
    np.testing.assert_allclose(seen[0][0], before / 4095, rtol=1e-6)
    for result, values in zip(results, (before, dark), strict=True):
        after = read(result.target)
        assert after.dtype == "uint16"
        np.testing.assert_allclose(after, values / 2, atol=1)


# The model


class Halving(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec(None)])
    def denoise(self, images):
        return half(images)


def test_the_latest_version_is_loaded(tmp_path):
    tf.saved_model.save(Halving(), str(tmp_path / "10"))
    (tmp_path / "9").mkdir()
    (tmp_path / "model_card.json").touch()
    for folder in (tmp_path, tmp_path / "10"):
        denoise = load_denoiser(folder)
        assert denoise(tf.constant([[4.0]]))["denoised"].numpy() == 2


class Renamed(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec(None)])
    def denoise(self, images):
        return {"images": images}


def test_an_unusable_model_is_refused_in_one_line(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    tf.saved_model.save(Renamed(), str(tmp_path / "renamed"))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/saved_model.pb").write_bytes(b"no graph")
    for name, message in {
        "gone": "No SavedModel in",
        "damaged": "is damaged: ",
        "other": "does not denoise",
        "renamed": "does not denoise",
    }.items():
        with pytest.raises(ValueError, match=message) as error:
            load_denoiser(tmp_path / name)
        assert "\n" not in str(error.value)
        assert str(tmp_path / name) in str(error.value)


def test_input_files_are_never_replaced(tmp_path):
    first, second = (
        save(tmp_path / name, pixels(30, 40)) for name in ("a.jpg", "a.png")
    )
    before = read(second)

    results = denoise_files(half, [first, second], tmp_path, overwrite=True)

    for _, target, problem, _ in results:
        assert target == second
        assert "an input file" in problem
    np.testing.assert_array_equal(read(second), before)


def test_out_of_memory_in_one_image_does_not_stop_the_others(tmp_path, output):
    wide, small = (
        save(tmp_path / name, pixels(30, width))
        for name, width in (("wide.png", 90), ("small.png", 40))
    )

    def narrow(images):
        if images.shape[2] > 50:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM\nat node")
        return {"denoised": images}

    (_, _, problem, _), (_, target, none, _) = denoise_files(
        narrow, [wide, small], output
    )

    assert problem == "cannot be denoised: OOM"
    assert none is None
    np.testing.assert_array_equal(read(target), read(small))


def test_all_color_modes_are_read_and_written(color_modes, output):
    folder, original, errors = color_modes
    for name, error in errors.items():
        target = output / name
        target.mkdir()
        [(_, written, problem, _)] = denoise_files(
            identity, [folder / name], target
        )
        assert problem is None, name
        gray = read_image(written).to_gray().astype(int)
        assert np.abs(gray - original).max() <= error, name
