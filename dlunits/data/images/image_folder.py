"""Gray 28x28 images from a folder with one subfolder a class."""

import pathlib

import numpy as np

SIDE = 28  # pixels
LITTER = {"Thumbs.db", "desktop.ini"}  # what file managers leave behind


def read_image_folder(folder):
    """Reads every image of a folder that has one subfolder a class.

    The classes are the subfolders, sorted by name (as text: `"10"` comes
    before `"2"`); the images of a class are its files, sorted by name.
    Hidden files and hidden folders are not looked at.

    Args:
        folder: Path of the folder.

    Returns:
        `(images, labels, class_names)`: uint8 `(n, 28, 28, 1)`, int32
        `(n,)`, tuple of strings.

    Raises:
        ValueError: If the folder does not hold at least two class folders
            with at least one image each.
        OSError: If a folder or an image can not be read; the message names
            it.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, gray in ("cat", 10), ("dog", 200):
    ...     (folder / name).mkdir()
    ...     Image.new("L", (50, 40), gray).save(folder / name / "1.png")
    >>> images, labels, class_names = read_image_folder(folder)
    >>> class_names, labels.tolist(), images.max(axis=(1, 2, 3)).tolist()
    (('cat', 'dog'), [0, 1], [10, 200])
    """
    folder = pathlib.Path(folder).expanduser()
    class_folders = [path for path in visible(folder) if path.is_dir()]
    if len(class_folders) < 2:
        raise ValueError(
            "An image folder must hold one subfolder a class, of at least "
            f"two classes. Received: {folder} with the subfolders "
            f"{[path.name for path in class_folders]}"
        )
    images, labels = [], []
    for label, class_folder in enumerate(class_folders):
        files = visible(class_folder)
        if not files:
            raise ValueError(
                "Every class folder must hold at least one image. Received: "
                f"{class_folder}, which is empty. Add images or delete it."
            )
        images.extend(map(read_image, files))
        labels.extend([label] * len(files))
    return (
        np.stack(images),
        np.array(labels, "int32"),
        tuple(path.name for path in class_folders),
    )


def read_image(path, side=SIDE):
    """Reads an image file as a gray image, by default of 28x28.

    The image is turned upright as its EXIF tag says, transparent parts
    become white paper, color becomes luminance. It is made smaller or larger
    with its aspect kept; what then lacks on two sides is filled with the
    median gray of the image's border. A gray image of that size stays as
    it is, to the bit.

    Args:
        path: Path of an image file of a kind that Pillow reads.
        side: Integer, height and width in pixels.

    Returns:
        uint8 array `(side, side, 1)`.

    Raises:
        OSError: If the file is not an image, or a damaged one.
    """
    from PIL import Image, ImageOps

    if path.is_dir():
        raise IsADirectoryError(
            "A class folder must hold image files only. Received: the folder "
            f"{path}. Name the folder right above the class folders."
        )
    try:
        with Image.open(path) as image:
            image.draft("L", (2 * side, 2 * side))  # large JPEGs: 10x faster
            gray = to_gray(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's decoders raise many kinds
        raise OSError(
            "A class folder must hold readable images only. Received: "
            f"{path} ({str(error) or type(error).__name__}). Repair or delete "
            "that file."
        ) from error
    pixels = np.asarray(gray)
    border = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    paper = int(np.median(np.concatenate(border)))
    return np.asarray(ImageOps.pad(gray, (side, side), color=paper))[..., None]


def to_gray(image):
    """Any Pillow image -> mode "L", on white paper where it is transparent."""
    from PIL import Image

    if image.mode.startswith("I;16"):  # 16 bits: keep the upper 8
        return Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
    if image.mode in ("I", "F"):
        raise ValueError("32 bits a pixel, where 8 or 16 are expected")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("L")


def visible(folder):
    """Sorted entries of a folder, without hidden ones and litter."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name not in LITTER
    )
