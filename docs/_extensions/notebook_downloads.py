"""A Jupyter notebook to download for each guide."""

import pathlib

import jupytext

LINK = """
<p><a href="../notebooks/{name}.ipynb" download>Download this guide as a
notebook</a></p>
"""


def add_link(app, docname, source):
    """Adds the link below the title of a guide."""
    if is_guide(docname):
        name = docname.removeprefix("guides/")
        before, title, after = source[0].partition("\n# ")
        heading, line_end, text = after.partition("\n")
        source[0] = "".join(
            (before, title, heading, line_end, LINK.format(name=name), text)
        )


def write_notebooks(app, exception):
    """Converts the guides into notebooks without outputs."""
    if exception:
        return
    folder = pathlib.Path(app.outdir, "notebooks")
    folder.mkdir(exist_ok=True)
    for docname in filter(is_guide, app.env.found_docs):
        notebook = jupytext.read(app.env.doc2path(docname), fmt="md:myst")
        name = docname.removeprefix("guides/")
        jupytext.write(notebook, folder / f"{name}.ipynb")


def is_guide(docname):
    return docname.startswith("guides/") and docname != "guides/index"


def setup(app):
    app.connect("source-read", add_link)
    app.connect("build-finished", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
