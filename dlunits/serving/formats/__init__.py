"""Exported models in the formats of other runtimes: ONNX, LiteRT, OpenVINO.

`convert` writes them and loads TensorFlow; the other modules do not.
"""

__all__ = ["convert", "export_card", "runtimes"]
