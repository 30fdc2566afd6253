"""Docstrings of this project as reStructuredText.

They are written for readers of `help()`: names stand in single backticks,
equations and drawings in indented blocks.
"""

import inspect
import itertools
import re

from equations import equation_table

# Paragraphs with a title, such as `Input shape: (batch, units)`. Further lines
# are indented.
TITLED = re.compile(
    r"^(Input shape|Output shape|Reference|References|Example, [^:]+):"
    r"((?: .*)?(?:\n +\S.*)*)$",
    re.MULTILINE,
)


def convert(lines):
    """Lines of a docstring as lines of reStructuredText."""
    converted = []
    text = []
    position = 0
    while position < len(lines):
        line = lines[position]
        block = indented_block(lines, position) or example(lines, position)
        if not block:
            text.append(line)
            position += 1
            continue
        converted += markup_of_text(text)
        text = []
        is_example = block[0].lstrip().startswith(">>>")
        converted += block if is_example else markup_of_block(block)
        position += len(block)
    return converted + markup_of_text(text)


def example(lines, position):
    """Lines of the example that begins here; it ends with an empty line."""
    if not lines[position].lstrip().startswith(">>>"):
        return []
    return list(itertools.takewhile(str.strip, lines[position:]))


def indented_block(lines, position):
    """Lines of the equation or drawing that begins here, if one does.

    It is indented, and stands between empty lines below a paragraph.
    """
    if position < 2 or lines[position - 1].strip():
        return []
    above = next(filter(None, reversed(lines[:position])), "")
    indentation = indentation_of(above)
    if indentation_of(lines[position]) < indentation + 4:
        return []
    block = list(
        itertools.takewhile(
            lambda line: not line or indentation_of(line) >= indentation + 4,
            lines[position:],
        )
    )
    while not block[-1].strip():
        block.pop()
    return [] if any(">>>" in line for line in block) else block


def indentation_of(line):
    return len(line) - len(line.lstrip())


def markup_of_block(block):
    left = min(indentation_of(line) for line in block if line)
    lines = [line[left:] for line in block]
    margin = " " * (left - 4)
    if any(re.search("=|<-|~", line) for line in lines):
        return [
            f"{margin}.. raw:: html",
            "",
            f"{margin}   {equation_table(filter(None, lines))}",
            "",
        ]
    return [
        f"{margin}.. code-block:: none",
        "",
        *(f"{margin}   {line}" for line in lines),
        "",
    ]


def markup_of_text(lines):
    text = TITLED.sub(titled_paragraph, "\n".join(lines))
    parts = re.split(r"`([^`]+)`", text)
    for number in range(0, len(parts), 2):
        parts[number] = escape(parts[number])
    for number in range(1, len(parts), 2):
        parts[number] = markup_of_name(parts[number], parts[number + 1])
    return "".join(parts).split("\n") if lines else []


def titled_paragraph(match):
    title, text = match.groups()
    return f"**{title}:**" + re.sub(r"\n +", "\n", text)


def markup_of_name(name, after):
    """A link to a class or function of this project, else code."""
    is_public = re.fullmatch(r"dlunits(\.\w+)+", name)
    markup = f":py:obj:`{name}`" if is_public else f"``{name}``"
    return markup + ("\\ " if after[:1].isalnum() else "")


def escape(text):
    """Text without what reStructuredText takes for a reference."""
    text = re.sub(r"(?<=\w)_(?!\w)", r"\\_", text)
    text = re.sub(r"\*(?=\*?(?:args|kwargs)\b)", r"\\*", text)
    return text.replace("|", r"\|")


def process_docstring(app, what, name, item, options, lines):
    lines[:] = convert(lines)


def process_signature(app, what, name, item, options, signature, returns):
    """Signature of a class: Keras hides it behind `__new__`."""
    if what != "class":
        return None
    parameters = inspect.signature(item.__init__).parameters.values()
    arguments = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in parameters
        if parameter.name != "self"
    ]
    return str(inspect.Signature(arguments)), ""


def skip_internal(app, what, name, item, skip, options):
    """Leaves out the functions of a module without a section "Example"."""
    if inspect.ismodule(item):
        return False  # listed in the page of its package
    docstring = inspect.getdoc(item) or ""
    if what == "module" and not re.search("^Example", docstring, re.MULTILINE):
        return True
    return None  # as autodoc decides


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    # Before napoleon, which makes fields of the sections.
    app.connect("autodoc-process-docstring", process_docstring, priority=400)
    app.connect("autodoc-process-signature", process_signature)
    app.connect("autodoc-skip-member", skip_internal)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
