"""Images: data sets, files, handwriting, augmentation, corruption."""

__all__ = [
    "augmentation",
    "corruption",
    "handwriting",
    "image_classes",
    "image_datasets",
    "image_files",
    "image_folder",
    "tiled_inference",
]
