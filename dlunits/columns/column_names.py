"""Words in the names of columns."""

import re

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def name_words(name: str) -> list[str]:
    """Splits a name in snake case, camel case or with spaces into words.

    Args:
        name: Name of a column.

    Returns:
        List of words in lower case. Digits are left out.

    Example:

    >>> name_words("PassengerId"), name_words("order_ID 2")
    (['passenger', 'id'], ['order', 'id'])
    """
    return [word.lower() for word in WORD.findall(name)]
