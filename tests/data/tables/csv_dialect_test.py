"""Dialects of CSV files as different programs write them."""

import gzip

import pytest

from dlunits.data.tables import csv_dialect
from dlunits.data.tables.csv_dialect import infer_dialect


@pytest.fixture
def write(tmp_path):
    def write(content, encoding="utf-8"):
        path = tmp_path / "table.csv"
        if isinstance(content, str):
            content = content.encode(encoding)
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiter_and_encoding_are_inferred(write, delimiter, encoding):
    lines = ["name", "größe"], ["Müller, Jürgen; ß|", "1"], ["x", "2"]
    text = "".join(
        delimiter.join(f'"{cell}"' for cell in line) + "\n" for line in lines
    )

    dialect = infer_dialect(write(text, encoding))

    assert (dialect.delimiter, dialect.encoding) == (delimiter, encoding)
    assert dialect.header == ("name", "größe")
    assert (dialect.num_lines, dialect.skipped_lines) == (3, 0)


def test_bytes_undefined_in_windows_1252_are_latin_1(write):
    assert infer_dialect(write(b"a,b\n\xe9,\x81\n")).encoding == "latin-1"


@pytest.mark.parametrize("length", [0, 100])  # bytes before, some blocks
def test_a_broken_byte_in_utf8_is_named_with_its_line(
    write, monkeypatch, length
):
    monkeypatch.setattr(csv_dialect, "BLOCK", 16)
    filling = b"x" * length
    content = "a,b\né,1\n".encode() + filling + b",1\n\xe9,2\n"
    with pytest.raises(ValueError, match=r"^, line 4: byte 0xE9 is not UTF-8"):
        infer_dialect(write(content))


def test_a_broken_byte_after_a_byte_order_mark_is_named(write):
    with pytest.raises(ValueError, match="line 2: byte 0xE9 is not UTF-8"):
        infer_dialect(write(b"\xef\xbb\xbfa\n\xe9\n"))


def test_a_character_cut_by_a_block_of_reading_is_whole(write, monkeypatch):
    monkeypatch.setattr(csv_dialect, "BLOCK", 16)
    before = b"a,b\n1," + b"x" * 9  # 15 bytes, and two of the character
    assert infer_dialect(write(before + "é\n".encode())).encoding == "utf-8"


def test_an_encoding_that_is_given_is_checked(write):
    path = write("a,b\né,1\n", "cp1252")
    with pytest.raises(ValueError, match="line 2: byte 0xE9 is not UTF-8"):
        infer_dialect(path, encoding="utf-8")
    for codec in ("klingon", "rot13", "hex", "undefined"):
        with pytest.raises(ValueError, match=f"'{codec}' is unknown"):
            infer_dialect(path, encoding=codec)
    assert infer_dialect(path, encoding="latin-1").encoding == "latin-1"


def test_a_zero_byte_is_named_with_its_line(write):
    with pytest.raises(ValueError, match="line 3: contains a zero byte"):
        infer_dialect(write(b"a,b\n1,2\n\0\0\0,2\n"))


@pytest.mark.parametrize(
    ("text", "delimiter", "decimal"),
    [
        ("a;b\n1,5;2\n", ";", ","),
        ("a;b\n1.5;2\n", ";", "."),
        ("a;b\n1,234;x\n", ";", ","),  # Europe's delimiter
        ("a\tb\n1,234\tx\n", "\t", "."),  # may be a thousand
        ("a\tb\n1,23\tx\n", "\t", ","),
        ("a,b\n1,5\n", ",", "."),  # two cells
        ('a,b\n"1,5",x\n', ",", ","),
        ("a\n1,5\n2,5\n", ";", ","),  # one column
        ("a\n1\n2\n", ",", "."),
        ('a,b\n"x;y;z",1\n"x;y;z",2\n', ",", "."),
        ("a, first;b\n1;2\n3;4\n", ";", "."),  # by the rows
    ],
)
def test_decimal_commas_are_distinguished_from_delimiters(
    write, text, delimiter, decimal
):
    dialect = infer_dialect(write(text))
    assert (dialect.delimiter, dialect.decimal) == (delimiter, decimal)


def test_excels_line_that_names_the_delimiter_is_not_a_header(write):
    dialect = infer_dialect(write("sep=|\r\na|b\r\n1|2\r\n"))
    assert (dialect.header, dialect.delimiter) == (("a", "b"), "|")
    assert (dialect.skipped_lines, dialect.newline) == (1, "\r\n")


def test_a_wrong_delimiter_is_named_with_the_right_one(write):
    path = write("\na;b;c\n1;2;3\n")
    with pytest.raises(
        ValueError, match="line 2: is one cell with the delimiter ',', but 3 w"
    ):
        infer_dialect(path, delimiter=",")


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_rejected(write, content):
    with pytest.raises(ValueError, match=r"^: is empty"):
        infer_dialect(write(content))


def test_gzip_is_decompressed_whatever_the_name(write):
    packed = write(gzip.compress(b"a;b\n1;2\n"))
    assert infer_dialect(packed).header == ("a", "b")


@pytest.mark.parametrize(
    ("text", "header", "skipped", "preamble"),
    [
        ("Sales\n\nday,sum\n1,2\n3,4\n", ("day", "sum"), 2, "Sales"),
        ("\n# by me\na;b\n1;2\n", ("a", "b"), 2, "# by me"),
        ("x\nby,me\na,b,c,d\n1,2,3,4\n", ("a", "b", "c", "d"), 2, "x"),
        ('"a\ntitle"\na,b\n1,2\n', ("a", "b"), 2, "a\ntitle"),
        ("sep=;\nTitle\na;b\n1;2\n", ("a", "b"), 2, "Title"),
        ("a,b,c\n1,2,3,4\n5,6,7,8\n", ("", "a", "b", "c"), 0, ""),
        ("a,b,c\n1,2,3,\n5,6,7,\n", ("a", "b", "c", ""), 0, ""),
        ("a,b,c\n1,2,3,4\n5,6,7\n", ("a", "b", "c"), 0, ""),  # one row only
        ("a\n1,5\n2,5\n", ("a",), 0, ""),
        ("a,b\n1,2\n3,4\nend\n", ("a", "b"), 0, ""),
    ],
)
def test_lines_of_text_before_the_header_are_skipped(
    write, text, header, skipped, preamble
):
    path = write(text)
    dialect = infer_dialect(path)
    assert dialect.header == header
    assert (dialect.skipped_lines, dialect.preamble) == (skipped, preamble)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,2019,2020\nx,1,2\ny,3,4\n", None),  # years
        ("city,1,2,3\nx,1,2,5\ny,4,2,3\n", None),  # counts in months
        ("ds,0.1,0.9\n2024-01-01,1.5,2.5\n", None),  # quantiles
        ("city,2024-01-01\nx,1\ny,2\n", None),
        ("ok,x\nok,1\nbad,2\n", None),  # one text of two recurs
        ("a,b\n1,2\na,b\n3,4\n", None),  # the header comes again
        ("0,1,2\n5,6,7\n", None),  # as pandas numbers columns
        ("a\n1\n2\n", None),
        ("19.5,White,Male\n7.5,White,Female\n8.5,Black,Male\n", "'White' is a"),
        ("2021-06-21 14:05:00,19.5\n2021-06-21 14:06:00,18\n", "no name, but"),
        ("2021-06-21T14:05Z,1e-3\n2021-06-21T14:06Z,2e-3\n", "no name, but"),
        ("ok\nok\nbad\n", "'ok' is also in the rows"),
        ("7,8\n9,10\n", "no name, but '7'"),
    ],
)
def test_a_header_that_looks_like_a_row_is_refused(write, text, header):
    path = write("\n" + text)
    if header is None:
        assert infer_dialect(path).header_rows == 1
        return
    with pytest.raises(ValueError, match=f"^, line 2: .*{header}.*--noheader"):
        infer_dialect(path)
    assert (
        infer_dialect(path, has_header=True).header[0]
        == (text.split("\n")[0].split(",")[0])
    )
    dialect = infer_dialect(path, has_header=False)
    assert set(dialect.header) == {""}
    assert (dialect.skipped_lines, dialect.header_lines) == (1, 1)


@pytest.mark.parametrize(
    ("text", "rows", "names"),
    [
        ("t,load\ns,kW\n0,1\n1,2\n", 2, ("t s", "load kW")),
        ("t;load\n;kW\n0;1,5\n1;2,5\n", 2, ("t", "load kW")),
        (  # as pandas writes columns of two levels
            ",a,a,b\n,x,y,x\nt,,,\n0,1,2,3\n1,2,3,4\n",
            3,
            ("t", "a x", "a y", "b x"),
        ),
        ("road,t,load\nname,s,kW\nx,0,1\ny,1,2\n", 2, ("road name", "t s")),
        ("t,load\n0,ERR\n1,2\n2,3\n", 1, ()),  # holds a number
        ("load\nERR\n1\n2\n", 1, ()),  # one column is too little evidence
        ("road,load\nx,ERR\ny,2\nz,3\n", 1, ()),
        ("a,b\nx,y\nx,z\n", 1, ()),  # no numbers at all
        ("t,load\n-,\n1,2\n2,3\n", 1, ()),  # missing values
        ("t,load\ns,kW\n", 1, ()),
    ],
)
def test_a_second_row_of_the_header_is_refused_or_joined(
    write, text, rows, names
):
    path = write("\n" + text)
    if rows == 1:
        assert infer_dialect(path).header_rows == 1
        return
    with pytest.raises(ValueError, match=f"^, line 3: .*rows={rows} if it is"):
        infer_dialect(path)
    dialect = infer_dialect(path, header_rows=rows)
    assert dialect.header[: len(names)] == names
    assert (dialect.header_rows, dialect.header_lines) == (rows, rows + 1)
    assert infer_dialect(path, header_rows=1).header_rows == 1
    assert infer_dialect(path, has_header=True).header_rows == 1


ROWS = "day,a,b\n" + "".join(f"{n},1.5,2\n" for n in range(9))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("end", "footer", "lines"),
    [
        ("\nSource: shop\n", "Source: shop", 2),
        ("Source: shop", "Source: shop", 1),
        ("Total of 2024\n\n(c) the shop\n", "Total of 2024", 3),
        ('"Source: shop"\n', '"Source: shop"', 1),
        ("Total,15,18\n", "", 0),  # a row
        ("shop\n", "", 0),  # not a remark: the file may be truncated
        ("9\n", "", 0),
        ('"a note that\ngoes on"\n', "", 0),
        ("\n", "", 0),
    ],
)
def test_remarks_after_the_rows_are_a_footer(
    write, end, footer, lines, newline
):
    text = (ROWS + end).replace("\n", newline)
    dialect = infer_dialect(write(text))
    assert dialect.footer == footer
    assert dialect.num_lines == len((ROWS + end).splitlines()) - lines


def test_remarks_among_texts_are_not_a_footer(write):
    rows = "name,a,b\n" + "pump of the plant,1,2\n" * 9
    assert infer_dialect(write(rows + "pump of the\n")).footer == ""
