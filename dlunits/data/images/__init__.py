"""Images: data sets, files, handwriting, augmentation, corruption."""

__all__ = [
    "augmentation",
    "connected_components",
    "corruption",
    "digit_segmentation",
    "encoded_size",
    "faint_ink",
    "handwriting",
    "handwriting_augmentation",
    "image_classes",
    "image_datasets",
    "image_files",
    "image_folder",
    "neighborhood",
    "resampling",
    "sheet_of_paper",
    "straight_lines",
    "tiled_inference",
]
