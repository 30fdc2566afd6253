"""Classification of image files by a model with the user's own classes."""

from collections.abc import Iterable
from typing import Any

from dlunits.data.images.image_files import find_pages
from dlunits.serving.load import find_version, load_saved_model
from dlunits.serving.model_card import read_card
from dlunits.typing import Array, Path


def has_own_classes(folder: Path) -> bool:
    """Whether a SavedModel classifies images other than handwritten digits.

    Args:
        folder: Folder of a version or of a model.

    Returns:
        `True` for a model of a folder of images that
        `dlunits.tasks.digits.serve.export_digit_classifier` wrote; `False` for
        all others, also if there is none.
    """
    try:
        card = read_card(find_version(folder), {"classes": list})
    except ValueError:
        return False
    return "recognize" not in card.get("signatures", {})


def classify_files(folder: Path, paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Classifies image files, which are read like the training images.

    Args:
        folder: Folder of a SavedModel with classes, see `has_own_classes`.
        paths: Image files, see `dlunits.data.images.image_files.read_image`.

    Returns:
        One dict per image. All have `file`, and `page` (from 1) if the file
        contains several images; `class`, `confidence` (probability of that
        class) and `scores` (dict from class to probability) follow, or
        `error`, the reason why the file is not classified, one line.

    Raises:
        ValueError: If the SavedModel or its model card is damaged.
    """
    # These load TensorFlow, which `has_own_classes` does not need.
    from dlunits.data.images.handwriting import IMAGE_SIZE
    from dlunits.serving.class_scores import add_class_scores

    folder = find_version(folder)
    card = read_card(folder, {"classes": list})
    bits = card.get("significant_bits")
    model = load_saved_model(folder)
    pages = find_pages(paths)
    images: dict[int, Array] = {}
    results: list[dict[str, Any]] = [page.place for page in pages]
    for index, page in enumerate(pages):
        try:
            images[index] = page.read_gray(IMAGE_SIZE, bits)
        except ValueError as error:
            results[index]["error"] = str(error)
    add_class_scores(results, images, model, card["classes"], folder)
    return results
