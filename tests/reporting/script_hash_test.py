"""The hash of a script in a content security policy."""

from dlunits.reporting.script_hash import script_hash


def test_the_hash_is_that_of_the_example_of_the_standard():
    # https://www.w3.org/TR/CSP2/#script-src-hash-usage
    expected = "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
    assert script_hash("alert('Hello, world.');") == expected


def test_texts_that_are_not_ascii_are_hashed_as_utf_8():
    assert script_hash("é") != script_hash("e")
