"""Typesetting of the plain-text equations of docstrings as HTML."""

import html
import re

# Words that HTML has a letter for, as `&alpha;`.
GREEK = {
    "alpha",
    "beta",
    "epsilon",
    "gamma",
    "lambda",
    "mu",
    "phi",
    "pi",
    "rho",
    "sigma",
    "theta",
}
OPERATORS = {
    "||": "&Vert;",
    "->": "&rarr;",
    "<-": "&larr;",
    "<=": "&le;",
    ">=": "&ge;",
    "!=": "&ne;",
    "+-": "&plusmn;",
    " * ": " &middot; ",
    " - ": " &minus; ",
}
GROUP = r"\{[^}]*\}|\([^)]*\)"
TOKEN = re.compile(
    rf"""
    # An index is in brackets, h_{{t-1}}, or has one or two characters; a longer
    # name with an underscore, log_variance, is one word.
    (?P<base> [A-Za-z] \w*? '* ) _ (?P<index> {GROUP} | \w{{1,2}}'* \b )
    | \^ (?P<power> {GROUP} | -? \w+ (?: /\d+ )? )
    | (?P<word> [A-Za-z]\w* )
    | (?P<operator> {"|".join(map(re.escape, OPERATORS))} )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def typeset(equation):
    """HTML of one equation: `h_{t-1}` with an index, `sigma` as a letter."""
    return "".join(map(typeset_token, TOKEN.finditer(equation)))


def typeset_token(match):
    if match["base"]:
        base = (
            "&sum;" if match["base"] == "sum" else typeset_word(match["base"])
        )
        return f"{base}<sub>{typeset(without_brackets(match['index']))}</sub>"
    if match["power"]:
        return f"<sup>{typeset(without_brackets(match['power']))}</sup>"
    if match["word"]:
        return typeset_word(match["word"])
    if match["operator"]:
        return OPERATORS[match["operator"]]
    return html.escape(match["other"])


def typeset_word(word):
    name = word.rstrip("'")
    if name in GREEK:
        return word.replace(name, f"&{name};")
    return f"<i>{word}</i>" if len(name) == 1 else word


def without_brackets(group):
    return group[1:-1] if group[0] in "{(" else group


def equation_table(lines):
    """HTML table of equations whose columns are aligned by two spaces or more.

    A cell begins in the column of the table that its first character is in.
    """
    rows = [
        [
            (match.start(), match.group())
            for match in re.finditer(r"\S+(?: \S+)*", line)
        ]
        for line in lines
    ]
    starts = sorted({start for row in rows for start, _ in row})
    html_rows = []
    for row in rows:
        cells = []
        column = 0
        for number, (start, text) in enumerate(row):
            cells += ["<td></td>"] * (starts.index(start) - column)
            column = (
                starts.index(row[number + 1][0])
                if number + 1 < len(row)
                else len(starts)
            )
            span = column - starts.index(start)
            cells.append(f'<td colspan="{span}">{typeset(text)}</td>')
        html_rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table class="equation">{"".join(html_rows)}</table>'
