"""Classification of image files by an exported AlexNet."""

from collections.abc import Iterable
from typing import Any

from dlunits.data.images.image_files import find_pages, read_rgb_image
from dlunits.serving.class_scores import add_class_scores
from dlunits.serving.load import find_version, load_saved_model
from dlunits.serving.model_card import read_card
from dlunits.tasks.image_classification.train import resized_image_size
from dlunits.typing import Path

BATCH_SIZE = 16


def classify_files(folder: Path, paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Classifies image files, which are read like the training images.

    Args:
        folder: Folder of a SavedModel that
            `dlunits.tasks.image_classification.serve.export_alexnet` wrote.
        paths: Image files, see `dlunits.data.images.image_files.read_image`.

    Returns:
        One dict per image. All have `file`, and `page` (from 1) if the file
        contains several images; `class`, `confidence` (probability of that
        class) and `scores` (dict from class to probability) follow, or
        `error`, the reason why the file is not classified, one line.

    Raises:
        ValueError: If there is no such SavedModel, or it is damaged.
    """
    folder = find_version(folder)
    card = read_card(folder, {"classes": list, "crop_size": int})
    image_size = resized_image_size(card["crop_size"])
    model = load_saved_model(folder)
    bits = card.get("significant_bits")
    pages = find_pages(paths)
    results: list[dict[str, Any]] = [page.place for page in pages]
    for start in range(0, len(pages), BATCH_SIZE):
        images = {}
        for index in range(start, min(start + BATCH_SIZE, len(pages))):
            page = pages[index]
            try:
                page.check_num_pages()
                images[index] = read_rgb_image(
                    page.path, image_size, bits, page.number
                )
            except ValueError as error:
                results[index]["error"] = str(error)
        add_class_scores(results, images, model, card["classes"], folder)
    return results
