"""The page docs/endpoints.md, generated from exported models.

python benchmarks/endpoints_page.py > docs/endpoints.md
"""

import json
import pathlib
import tempfile

from dlunits.serving.request_examples import (
    open_inference_command,
    request_commands,
)
from dlunits.serving.server.tensors import format_shape

PAGE = "docs/endpoints.md"
URL = "http://localhost:8080"
SHIPPED = pathlib.Path(__file__).parents[1] / "saved_models/lenet_mnist/1"

INTRODUCTION = """\
# Endpoints of exported models

This page is generated from the models by `benchmarks/endpoints_page.py`: one
small model of each kind, and the shipped one. What the arguments mean is in
[saved_models/](saved_models.md). `?` stands for any length. Lengths
such as the 14 time steps of the forecaster are those of the example.

`dlunits serve` and TensorFlow Serving answer the requests to `/v1`; the latter
listens on another port, 8501. `dlunits serve` also answers those to `/v2`, the
Open Inference Protocol, where the parameter `signature_name` of the request
selects another endpoint than `serving_default`. Image files are sent as base64.

<!-- not run: needs a server -->
```console
dlunits serve --models_dir=saved_models --port=8080
curl -s http://localhost:8080/v1/models/lenet_mnist
curl -s http://localhost:8080/v1/models/lenet_mnist/metadata
curl -s http://localhost:8080/v2/models/lenet_mnist
curl -s http://localhost:8080/v2/models/lenet_mnist/versions/1/ready
curl -s http://localhost:8080/v2/health/ready
curl -s http://localhost:8080/metrics
```
"""


def write_page(versions):
    """Text of the page.

    Args:
        versions: Folders of exported models.
    """
    return "\n".join([INTRODUCTION, *map(section, versions)])


def section(version):
    """Section of one model: a table of its endpoints, and its requests."""
    card = json.loads((version / "model_card.json").read_text())
    lines = [
        f"## {card['name']}",
        "",
        "| endpoint | inputs | outputs |",
        "|---|---|---|",
    ]
    for name, signature in sorted(card["signatures"].items()):
        inputs, outputs = (
            ", ".join(
                f"`{key}` {spec['dtype']} {format_shape(spec['shape'])}"
                for key, spec in sorted(signature[side].items())
            )
            for side in ("inputs", "outputs")
        )
        lines.append(f"| `{name}` | {inputs} | {outputs} |")
    commands = [*request_commands(version, URL).values()]
    commands.append(open_inference_command(version, URL))
    lines += ["", "<!-- not run: needs a server -->", "```console"]
    lines += [*commands, "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    from exported_models import export_every_kind

    with tempfile.TemporaryDirectory() as folder:
        kinds = export_every_kind(pathlib.Path(folder))
        exported = [kind.version for kind in kinds.values()]
        print(write_page([*exported, SHIPPED]), end="")
