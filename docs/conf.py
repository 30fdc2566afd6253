"""Settings of the documentation site: see `make docs`."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent / "_extensions"))

import dlunits

project = "dlunits"
release = version = dlunits.__version__
html_title = f"dlunits {release}"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["equations.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False
templates_path = ["_templates"]
html_extra_path = ["_extra"]  # reports of `docs/example_reports.py`
exclude_patterns = ["_build", "_extra"]
extensions = [
    "docstring_markup",
    "mathml",
    "merge_streams",
    "myst_nb",
    "notebook_downloads",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]

# A prompt is not part of what is copied.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Pages in Markdown; those with code cells are executed.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # seconds of a cell
nb_merge_streams = True
nb_output_stderr = "remove"  # log lines of TensorFlow; errors stop the build

# API reference: one page for each name of `__all__`.
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_inherit_docstrings = False  # of Keras
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # `Args` has the types and shapes
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style")]
napoleon_use_ivar = True
napoleon_use_rtype = False
toc_object_entries = False
