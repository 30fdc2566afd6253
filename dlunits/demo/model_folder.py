"""Models of the demo page: SavedModels, or the same models on a server."""

import pathlib
import shlex
import threading
from collections.abc import Callable
from typing import Any

from dlunits.paths import expand_user
from dlunits.serving.load import find_version, load_saved_model
from dlunits.serving.model_card import read_card
from dlunits.serving.remote_model import RemoteModel
from dlunits.typing import Path

# App and flags that train each model, without --export_dir.
TRAINED_BY = {
    "lenet_mnist": ("lenet_mnist", "--augmentation=handwriting --epochs=40"),
    "denoiser_mnist": ("denoising_mnist", "--dataset=mnist --units=16"),
    "vae_mnist": (
        "autoencoder_mnist",
        "--dataset=mnist --autoencoder=variational --latent_dim=2 --units=48",
    ),
    "gan_mnist": ("gan_mnist", "--dataset=mnist --conditional"),
    "text_tiny_shakespeare": (
        "text_generation",
        "--train=tiny_shakespeare --units=160 --dropout=0.1",
    ),
    "anomaly_wdbc": ("anomaly_detection", "--dataset=wdbc"),
}


class ModelFolder:
    """Models of a folder; each is loaded when it is first used.

    Args:
        folder: Folder with one subfolder per model, `saved_models`.
        server: Address of a server of the same models, which is called instead
            of the SavedModels. The model cards are still read from the folder.
            `None` loads the SavedModels.
        program: Function from the name of an app to the command that starts
            it.

    Example:

    >>> models = ModelFolder("no_such_folder")
    >>> print(models.problem("anomaly_wdbc"))
    The model no_such_folder/anomaly_wdbc is missing. This command trains it:
    dlunits anomaly_detection --dataset=wdbc \
--export_dir=no_such_folder/anomaly_wdbc
    """

    def __init__(
        self,
        folder: Path,
        server: str | None = None,
        program: Callable[[str], str] = "dlunits {}".format,
    ) -> None:
        self.folder = expand_user(folder)
        self.server = server
        self.program = program
        self.lock = threading.RLock()
        self.models: dict[str, Any] = {}
        self.made: dict[tuple[str, Callable], Any] = {}

    def version(self, name: str) -> pathlib.Path:
        """Folder of the latest version of a model."""
        return find_version(self.folder / name)

    def problem(self, name: str) -> str | None:
        """Reason why a model cannot be used and a remedy, or `None`."""
        if not (self.version(name) / "saved_model.pb").is_file():
            app, options = TRAINED_BY[name]
            export_dir = shlex.quote(f"--export_dir={self.folder / name}")
            return (
                f"The model {self.folder / name} is missing. This command "
                f"trains it:\n{self.program(app)} {options} {export_dir}"
            )
        try:
            if self.server and not self.model(name).is_served():
                return f"The server {self.server} has no model {name!r}."
        except ValueError as error:
            return str(error)
        return None

    def model(self, name: str) -> Any:
        """SavedModel, or `RemoteModel` with a server; it is loaded once.

        Args:
            name: Name of the model.

        Returns:
            The model.

        Raises:
            ValueError: If there is none, or it is damaged.
        """
        with self.lock:
            if name not in self.models:
                version = self.version(name)
                if self.server:
                    card = read_card(version, {"signatures": dict})
                    model = RemoteModel(self.server, name, card["signatures"])
                else:
                    model = load_saved_model(version)
                self.models[name] = model
            return self.models[name]

    def use(self, name: str, make: Callable[..., Any]) -> Any:
        """Object that a function creates from a model, such as a detector.

        The function is called once for each model; its result is cached.

        Args:
            name: Name of the model.
            make: Function with the arguments `(version, model=model)`: the
                folder of the version, and the model.

        Returns:
            The result of the function.

        Raises:
            ValueError: If there is no such model, or it is damaged.
        """
        with self.lock:
            if (name, make) not in self.made:
                model = self.model(name)
                self.made[name, make] = make(self.version(name), model=model)
            return self.made[name, make]
