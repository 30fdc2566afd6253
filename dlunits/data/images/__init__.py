"""Images: data sets, files, handwriting, augmentation, corruption."""

__all__ = [
    "augmentation",
    "connected_components",
    "corruption",
    "digit_segmentation",
    "handwriting",
    "handwriting_augmentation",
    "image_classes",
    "image_datasets",
    "image_files",
    "image_folder",
    "sheet_of_paper",
    "straight_lines",
    "tiled_inference",
]
