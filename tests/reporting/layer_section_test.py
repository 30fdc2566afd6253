"""Section of the layers of a model."""

import keras
import pytest

from dlunits.reporting.layer_section import layer_section


def test_the_section_has_a_row_per_layer_and_explains_its_numbers():
    model = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            keras.layers.Conv2D(6, 5, name="c1"),
            keras.layers.AveragePooling2D(2, name="s2"),
        ]
    )
    section = layer_section("Encoder", model)
    assert section.title == "Encoder"
    assert [row["layer"] for row in section.table] == ["c1", "s2"]
    # 28 * 28 positions, 6 maps, 25 products; a multiply-add counts as two.
    assert section.table[0]["flops"] == 2 * 28 * 28 * 6 * 25
    assert "a multiply-add counts as two" in section.text


def test_a_model_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match="needs a functional model"):
        layer_section("Layers", keras.Sequential([keras.layers.Dense(1)]))
