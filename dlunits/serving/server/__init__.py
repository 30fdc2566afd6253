"""Model server for SavedModels, based on KServe, with hot swap and limits.

`kserve_models`, `kserve_endpoints` and `run` need `pip install
"dlunits[serve]"`; the other modules do not.
"""

__all__ = [
    "batcher",
    "errors",
    "kserve_endpoints",
    "kserve_models",
    "limits",
    "model_store",
    "model_version",
    "open_inference",
    "predict_api",
    "run",
    "tensors",
    "version_folders",
]
