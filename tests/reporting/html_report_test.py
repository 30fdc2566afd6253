"""Content of HTML reports, parsed."""

import base64
import html.parser
import io
import re
import resource
import xml.etree.ElementTree as ET

import keras
import numpy as np
import PIL.Image
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from dlunits.reporting import figures
from dlunits.reporting.html_report import (
    Link,
    Section,
    draw_text_literally,
    render,
    versions,
    write_report,
)
from dlunits.reporting.image_grid import image_rows


class Page(html.parser.HTMLParser):
    """Tags, attributes and texts of an HTML file."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.texts, self.open = [], {}, []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data.strip())

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def write(path, *sections, **arguments):
    return write_report(
        path,
        **{
            "title": "A run",
            "summary": {"Parameters": 61706},
            "sections": sections,
            "command": "python app.py",
            "dataset": "digits",
        }
        | arguments,
    )


def small_figure():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    return figure


def decoded(source):
    kind, data = re.fullmatch(
        r"data:image/(svg\+xml|png);base64,(.+)", source
    ).groups()
    return kind, base64.b64decode(data, validate=True)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A complete report about digits, and its path."""
    data = load_digits()
    x, labels = data.data / 16, data.target
    classifier = LogisticRegression(C=0.01).fit(x[:900], labels[:900])
    scores = classifier.predict_proba(x[900:])
    images = np.kron(data.images[900:], np.ones((3, 3)))
    model = keras.Sequential(
        [
            keras.Input((24, 24, 1)),
            keras.layers.Conv2D(6, 5, name="c1"),
            keras.layers.Conv2D(16, 5, name="c3"),
        ]
    )
    names = [str(name) for name in data.target_names]
    history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5]}
    path = write(
        tmp_path_factory.mktemp("run") / "report.html",
        Section("Training", figures=[(figures.training_curves(history), "a")]),
        Section(
            "Errors",
            "First.\n\nSecond.",
            figures=[
                (
                    figures.confusion_matrix(
                        labels[900:], scores.argmax(1), names
                    ),
                    "b",
                ),
                (
                    figures.confident_errors(
                        images, labels[900:], scores, names
                    ),
                    "c",
                ),
            ],
        ),
        Section(
            "Layers",
            table=[
                {"layer": "c1", "output_shape": (20, 20, 6), "parameters": 156},
                {"layer": "act", "output_shape": (20,), "parameters": None},
            ],
            figures=[
                (figures.feature_maps(model, images[0], ["c1", "c3"]), "")
            ],
        ),
        seconds=312.4,
    )
    return Page(path), path


def test_a_report_loads_nothing_from_the_network(page):
    page, _ = page
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object", "embed", "base")
        for name in attributes.keys() & {"src", "href", "srcset", "action"}:
            assert attributes[name].startswith(("data:", "#")), (tag, name)
        for value in filter(None, attributes.values()):
            assert not re.match(r"(https?:)?//", value), (tag, value[:80])
    css = "".join(page.texts["style"])
    assert not re.search(r"url\(|@import|@font-face", css)
    [policy] = [m for m in page.attributes("meta") if "http-equiv" in m]
    assert policy["content"].startswith("default-src 'none';")


def test_figures_are_embedded_with_alternative_texts(page):
    page, path = page
    images = page.attributes("img")
    assert len(images) == 4
    kinds = []
    for image in images:
        kind, data = decoded(image["src"])
        kinds.append(kind)
        if kind == "png":
            width, height = PIL.Image.open(io.BytesIO(data)).size
            # 192 dots per inch are two per CSS pixel
            assert abs(width - 2 * int(image["width"])) <= 2
            assert abs(height - 2 * int(image["height"])) <= 2
        else:
            for element in ET.fromstring(data).iter():  # noqa: S314
                for name, value in element.attrib.items():
                    if name.endswith("href"):
                        assert value.startswith(("#", "data:"))
        assert len(image["alt"]) > 20
    # curves and the matrix are vector graphics, image grids are PNG
    assert kinds == ["svg+xml", "svg+xml", "png", "png"]
    assert path.stat().st_size < 1_500_000


def test_a_report_is_a_structured_document(page):
    page, _ = page
    assert page.attributes("html") == [{"lang": "en"}]
    assert page.texts["title"] == ["A run"]
    assert page.texts["h2"] == [
        "Training",
        "Errors",
        "Layers",
        "Run details",
    ]
    assert page.texts["p"] == ["First.", "Second."]
    assert all(th["scope"] in ("row", "col") for th in page.attributes("th"))
    assert page.texts["dd"] == ["61,706"]
    assert "5 min 12 s" in page.texts["td"]  # 312.4 s
    assert keras.config.backend() in page.texts["td"]
    ids = [tag["id"] for _, tag in page.tags if "id" in tag]
    assert len(ids) == len(set(ids))


def test_names_that_no_font_has_are_numbered_and_listed_in_the_caption(
    tmp_path,
):
    names = ["猫", "кошка", "חתול", "very long name of a class " * 3, "$x^$"]
    labels = np.arange(5)
    scores = np.eye(5)[[1, 0, 3, 2, 2]]
    images = np.zeros((5, 8, 8), "uint8")
    drawn = [
        figures.confusion_matrix(labels, scores.argmax(1), names),
        figures.confident_errors(images, labels, scores, names),
        image_rows(dict.fromkeys(names, images[:2, ..., None])),
    ]
    # Warnings about missing glyphs and about collapsed axes are errors.
    page = Page(
        write(
            tmp_path / "report.html",
            Section("A", figures=[(figure, "Caption.") for figure in drawn]),
        )
    )
    captions = page.texts["figcaption"]
    assert captions[0] == "Caption. Numbered names: [1] 猫, [2] חתול."
    for caption in captions:
        assert "猫" in caption and "חתול" in caption and "кошка" not in caption
    for image in page.attributes("img"):
        assert 400 < int(image["width"]) < 760
    matrix = drawn[0].axes[0]
    shown = [label.get_text() for label in matrix.get_yticklabels()]
    assert shown == ["[1]", "кошка", "[2]", "very long na… of a class", "$x^$"]


def test_columns_are_named_after_keys_and_numbers_aligned(page):
    page, _ = page
    header = page.texts["th"][:3]
    assert header == ["Layer", "Output shape", "Parameters"]
    numbers = [
        td for td in page.attributes("td") if td.get("class") == "number"
    ]
    assert len(numbers) == 2  # 156 and the empty cell below it
    times = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"
    assert f"20{times}20{times}6" in page.texts["td"]


def test_sections_have_anchors_made_of_their_titles(tmp_path):
    titles = ["Loss and accuracy", "Loss and accuracy", "Größe (%)", "?"]
    path = write(tmp_path / "report.html", *map(Section, titles))
    anchors = [tag["id"] for tag in Page(path).attributes("h2")]
    assert anchors == [
        "loss-and-accuracy",
        "loss-and-accuracy-2",
        "größe",
        "section",
        "run-details",
    ]


def test_links_lead_to_files_beside_the_report_alone(tmp_path):
    links = [
        Link("A & B", "a b/report.html#c"),
        Link("x", "javascript:alert(1)"),
    ]
    page = Page(
        write(
            tmp_path / "report.html", Section("S", table=[{"a": 1, "b": links}])
        )
    )
    assert [tag["href"] for tag in page.attributes("a")] == [
        "a%20b/report.html#c",
        "javascript%3Aalert%281%29",  # a path, and no scheme
    ]
    assert page.texts["a"] == ["A & B", "x"]


def test_code_keeps_its_lines(tmp_path):
    code = "if x < 1:\n    print('&')\n"
    section = Section("Code", code=[("adam <1>", code)])
    page = Page(write(tmp_path / "report.html", section))
    assert page.texts["summary"] == ["adam <1>"]
    assert code.strip() in page.texts["code"]


def test_hostile_text_is_escaped(tmp_path):
    hostile = "<script>alert('x')</script>\"><img src=//evil.example>"
    figure = small_figure()
    figure.set_label(hostile)
    path = write(
        tmp_path / "report.html",
        Section(
            hostile,
            text=hostile,
            table=([hostile], [[hostile]]),
            figures=[(figure, hostile)],
        ),
        title=hostile,
        summary={hostile: hostile},
        command=hostile,
        dataset=hostile,
    )
    page = Page(path)
    assert not page.attributes("script")
    [image] = page.attributes("img")
    assert image["alt"] == hostile
    for tag in ("title", "h1", "h2", "dt", "dd", "p", "th", "td", "code"):
        assert "".join(page.texts[tag]).count(hostile) >= 1, tag


def test_the_caption_is_the_alternative_text_without_a_label(tmp_path):
    section = Section("s", figures=[(small_figure(), "Two points.")])
    page = Page(write(tmp_path / "report.html", section))
    assert page.attributes("img")[0]["alt"] == "Two points."


def test_figures_are_reproducible(tmp_path):
    sources = [
        Page(
            write(
                tmp_path / "report.html",
                Section("s", figures=[(small_figure(), "c")]),
            )
        ).attributes("img")
        for _ in range(2)
    ]
    assert sources[0] == sources[1]


def test_dollar_signs_of_names_are_not_mathematics():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.set(xlabel="price_$_per_$", title="$a_$", xticks=[0, 1])
    left.set_xticklabels(["$1_$", "$2_$"])
    left.legend([left.plot([1, 2])[0]], ["$b_$"])
    right.plot([1, 1000])
    right.set_yscale("log")
    draw_text_literally(figure)
    # Matplotlib writes text as paths, and the text itself as a comment.
    drawn = re.findall("<!-- (.*?) -->", render(figure, "svg").decode())
    assert {"price_$_per_$", "$a_$", "$b_$", "$1_$", "$2_$"} <= set(drawn)
    assert any("10^{2}" in text for text in drawn)  # as a power


def test_an_invalid_figure_leaves_the_old_report(tmp_path):
    path = write(tmp_path / "report.html")
    before = path.read_bytes()
    broken = small_figure()
    broken.axes[0].set_yscale("log")
    broken.axes[0].yaxis.set_major_formatter("{x:frac}")  # fails when drawn
    with pytest.raises(ValueError, match="frac"):
        write(path, Section("s", figures=[(broken, "c")]), title="New")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_report(tmp_path):
    path = write(tmp_path / "report.html")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"one is unchanged.*report\.html"):
            write(path, title="New")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["missing/report.html", "file/report.html"])
def test_a_path_that_cannot_be_written_is_a_one_line_error(tmp_path, place):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(
        OSError, match=r"could not write.*report\.html"
    ) as caught:
        write(tmp_path / place)
    assert "\n" not in str(caught.value)


def test_a_folder_as_path_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(IsADirectoryError, match=r"report\.html"):
        write(tmp_path / "report.html")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_ragged_table_is_refused(tmp_path):
    section = Section("s", table=(["a", "b"], [[1, 2], [3]]))
    with pytest.raises(ValueError, match=r"one cell.*Received: \[3\]"):
        write(tmp_path / "report.html", section)
    assert not list(tmp_path.iterdir())


def test_names_that_are_not_unicode_are_escaped(tmp_path):
    path = write(tmp_path / "report.html", dataset="caf\udce9")  # from argv
    assert r"caf\udce9" in Page(path).texts["td"]


def test_versions_are_those_of_the_installed_packages():
    assert versions()["keras"] == keras.__version__
    assert versions()["numpy"] == np.__version__


def test_an_svg_is_embedded_unchanged_in_its_size(tmp_path):
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80.4">'
        "{}<g><title>not this</title></g></svg>"
    )
    drawings = [
        (svg.format("<title>A &amp; B</title>"), "With a title."),
        (svg.format("").replace("not this", ""), "Without one."),
    ]
    page = Page(write(tmp_path / "report.html", Section("S", figures=drawings)))
    first, second = page.attributes("img")
    assert (first["width"], first["height"]) == ("120", "80")
    assert first["alt"] == "A & B"
    assert second["alt"] == "Without one."
    source = first["src"].removeprefix("data:image/svg+xml;base64,")
    assert base64.b64decode(source).decode() == drawings[0][0]
