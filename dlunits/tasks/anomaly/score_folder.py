"""Scoring of folders of Parquet files, file by file."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from dlunits.atomic_files import atomic_write
from dlunits.columns import InvalidCellError, InvalidCells, TableChunk
from dlunits.data.tables.table_files import open_parquet
from dlunits.data.tables.table_writer import (
    check_new_columns,
    write_scored,
)
from dlunits.paths import expand_user
from dlunits.reporting.progress import ProgressBar
from dlunits.serving.load import find_version
from dlunits.serving.model_card import file_checksums
from dlunits.tasks.anomaly.score_table import (
    NEW_COLUMN_TYPES,
    NEW_COLUMNS,
    TableScorer,
    invalid_cell_message,
)
from dlunits.tasks.anomaly.serve import ServedDetector
from dlunits.typing import Path

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
# Key of the metadata of a scored Parquet file; its value is JSON.
RECORD = "dlunits.scored"
# Spark, Hive and pyarrow skip names with these prefixes.
HIDDEN = ("_", ".")
SETTINGS = "_scored_with_{}.json"
MAX_PROBLEMS = 10  # files that cannot be scored, after which a run stops


@dataclasses.dataclass
class FolderSummary:
    """Counts over the files of a shard.

    Attributes:
        num_files: Number of files of the shard.
        num_before: Number of files that earlier runs scored.
        num_scored: Number of files that this run scored.
        num_rows: Number of rows of all scored files, also of earlier runs.
        num_anomalies: Number of those flagged as anomalous.
        num_skipped: Number of those without a score, due to invalid cells.
        problems: A line for each file that could not be scored.
    """

    num_files: int = 0
    num_before: int = 0
    num_scored: int = 0
    num_rows: int = 0
    num_anomalies: int = 0
    num_skipped: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)

    def add(self, record: Mapping[str, Any]) -> None:
        """Adds the counts of a scored file."""
        self.num_rows += record["rows"]
        self.num_anomalies += record["anomalies"]
        self.num_skipped += record["skipped"]

    @property
    def messages(self) -> list[str]:
        """Lines for the user."""
        share = self.num_anomalies / max(1, self.num_rows)
        lines = [
            f"Files:         {self.num_scored:,} of {self.num_files:,} scored, "
            f"{self.num_before:,} in earlier runs",
            f"Anomalies:     {self.num_anomalies:,} of {self.num_rows:,} rows "
            f"({share:.2%})",
        ]
        if self.num_skipped:
            lines.append(
                f"Not scored:    {self.num_skipped:,} rows with invalid cells"
            )
        if self.problems:
            lines.append(f"Failed:        {len(self.problems):,} files")
        return lines


def score_folder(
    detector: ServedDetector,
    false_alarm_rate: float,
    model: Path,
    folder: Path,
    output: Path,
    *,
    shard: tuple[int, int] = (0, 1),
    skip_invalid: bool = False,
    decimal: str | None = None,
    progress: ProgressBar | None = None,
    log: Callable[[str], None] = lambda message: None,
) -> FolderSummary:
    """Scores each Parquet file of a folder and its subfolders.

    For each file, a file with the columns that `score_table` appends is written
    to the same relative path in `output`, such as `year=2024/part-0.parquet`.
    `year` is then also a column for the detector, unless the file has a column
    of this name.

    A file is written under a temporary name and renamed. Its metadata identify
    the input file, so that the same call resumes a run that was stopped: scored
    files are kept, and files that have changed since are scored again. All
    files of `output` are scored with the same detector, rate and decimal
    separator, which are recorded in a file in `output`.

    A file that cannot be read or scored is reported, and the others are scored.
    Memory use does not depend on the number of files or rows.

    Args:
        detector, false_alarm_rate: As returned by
            `dlunits.tasks.anomaly.score_table.load_detector`.
        model: Folder of the SavedModel.
        folder: Folder of `.parquet` files. Files and folders whose names begin
            with `_` or `.` are ignored.
        output: Folder to write to, which is created. It must be empty or the
            output of an earlier run.
        shard: `(i, n)`: of the files in order of their names, those at the
            positions i, i + n, i + 2 n ... are scored.
        skip_invalid: Whether rows with cells that are not of the type of their
            column get no score. By default their file is not scored.
        decimal: Decimal separator of numbers that are texts.
        progress: Function that creates a progress bar over files, called with
            `total`, `initial`, `desc` and `unit` of tqdm, or `None`.
        log: Function that is called with each line for the user.

    Returns:
        The counts.

    Raises:
        ValueError: If there is no file, the detector is one of time series,
            the output has another origin, or 10 files could not be scored.
        OSError: If a file cannot be written.
    """
    folder, output = expand_user(folder), expand_user(output)
    if "series" in detector.card:
        raise ValueError(
            f"{model}: was trained on time series, and a series must be "
            "scored as a whole. Score the files one by one."
        )
    files = find_parquet_files(folder, log)
    check_output_folder(folder, output)
    claim_output(
        output,
        {
            "detector": combined_checksum(find_version(model)),
            "false_alarm_rate": false_alarm_rate,
            "decimal": decimal,
            "input": str(folder.resolve()),
        },
    )
    report_orphans(folder, files, output, log)
    index, count = shard
    own = files[index::count]
    summary = FolderSummary(num_files=len(own))
    to_score = []
    for file in own:
        record = read_record(output / file)
        unchanged = is_unchanged(record, folder / file)
        if unchanged and (skip_invalid or not record["skipped"]):
            summary.num_before += 1
            summary.add(record)
            continue
        to_score.append(file)
        if record and not unchanged:
            log(f"{folder / file}: has changed and is scored again")
    bar: Any = contextlib.nullcontext()
    if progress is not None:
        bar = progress(
            total=len(own),
            initial=summary.num_before,
            desc="Scoring",
            unit=" files",
        )
    with bar:
        for file in to_score:
            try:
                record = score_file(
                    detector,
                    false_alarm_rate,
                    folder / file,
                    output / file,
                    partition_columns(file),
                    skip_invalid,
                    decimal,
                )
            except ValueError as error:
                summary.problems.append(str(error))
                log(str(error))
                if len(summary.problems) == MAX_PROBLEMS:
                    raise ValueError(
                        f"{folder}: stopped after {MAX_PROBLEMS} files that "
                        "could not be scored, see above. Files that were "
                        f"scored stay in {output}."
                    ) from None
                continue
            summary.num_scored += 1
            summary.add(record)
            if progress is not None:
                bar.update(1)
    return summary


def parse_shard(text: str) -> tuple[int, int]:
    """Parses `i/n`, part i of n, counted from 0.

    Raises:
        ValueError: If it is not of this form, or i is not below n.

    Example:

    >>> parse_shard("3/64")
    (3, 64)
    >>> parse_shard("64/64")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: A shard must be i/n with whole numbers 0 <= i < n, such as ...
    """
    index, _, count = text.partition("/")
    if index.isdecimal() and count.isdecimal() and int(index) < int(count):
        return int(index), int(count)
    raise ValueError(
        "A shard must be i/n with whole numbers 0 <= i < n, such as 0/4 for "
        f"the first of four. Received: {text!r}"
    )


def find_parquet_files(
    folder: pathlib.Path, log: Callable[[str], None] = lambda message: None
) -> list[pathlib.Path]:
    """Finds the `.parquet` files below a folder.

    Args:
        folder: Folder. Links to folders in it are not followed.
        log: Function that is called with a line about other files.

    Returns:
        List of paths relative to the folder, sorted.

    Raises:
        ValueError: If there is none.
    """
    files: list[pathlib.Path] = []
    others: list[pathlib.Path] = []
    for path in walk_files(folder):
        is_parquet = path.suffix.lower() == ".parquet"
        (files if is_parquet else others).append(path)
    if not files:
        raise ValueError(
            f"{folder}: contains no Parquet file. Expected a folder with "
            "*.parquet files in it or in its subfolders. To score a folder "
            "of images, the output must be a table, such as scored.csv."
        )
    if others:
        log(
            f"{folder}: {len(others):,} other files are ignored, such as "
            f"{min(others)}"
        )
    return sorted(files)


def walk_files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields relative paths of the files below a folder that are not hidden."""

    def fail(error: OSError) -> None:
        raise ValueError(f"{error.filename}: {error.strerror}") from None

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [n for n in folders if not n.startswith(HIDDEN)]
        for name in names:
            if not name.startswith(HIDDEN):
                yield pathlib.Path(parent, name).relative_to(folder)


def partition_columns(file: pathlib.Path) -> dict[str, str | None]:
    """Columns that are encoded in the names of Hive's partition folders.

    Args:
        file: Path relative to the folder of the table.

    Returns:
        Dict from column name to the text of its only value, `None` if missing.

    Example:

    >>> partition_columns(pathlib.Path("year=2024/place=A%20b/part-0.parquet"))
    {'year': '2024', 'place': 'A b'}
    """
    columns: dict[str, str | None] = {}
    for part in file.parts[:-1]:
        name, equals, text = part.partition("=")
        if name and equals:
            value = None if text == HIVE_NULL else urllib.parse.unquote(text)
            columns[urllib.parse.unquote(name)] = value
    return columns


def check_output_folder(folder: pathlib.Path, output: pathlib.Path) -> None:
    """Checks that the output is a folder outside the input, and not around it.

    Raises:
        ValueError: If it is not.
    """
    if output.exists() and not output.is_dir():
        raise ValueError(
            f"{output}: is a file. To score a folder, the output must be a "
            "folder."
        )
    a, b = folder.resolve(), output.resolve()
    if a.is_relative_to(b) or b.is_relative_to(a):
        raise ValueError(
            f"{output}: must not be {folder}, a folder in it, or a folder "
            "that contains it. Choose another folder."
        )


def claim_output(output: pathlib.Path, settings: Mapping[str, Any]) -> None:
    """Creates the output folder, or checks that its settings are the same.

    The settings of a run are stored in a file that is named after their hash.
    Processes that start at the same time with different settings find both
    files.

    Args:
        output: The folder.
        settings: Settings that all files in the folder share.

    Raises:
        ValueError: If the folder has other files, or other settings.
        OSError: If it cannot be created.
    """
    text = json.dumps(settings, indent=2) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    own = output / SETTINGS.format(digest)

    def check() -> None:
        for other in sorted(output.glob(SETTINGS.format("*"))):
            if other == own:
                continue
            theirs = json.loads(other.read_bytes())
            differing = [n for n in settings if theirs.get(n) != settings[n]]
            raise ValueError(
                f"{output}: contains tables that were scored with another "
                f"{', '.join(differing)}, see {other.name}. Choose another "
                "folder, or remove this one."
            )

    if not output.exists():
        output.mkdir(parents=True, exist_ok=True)
    check()
    if own.exists():
        return
    if next(walk_files(output), None) is not None:
        raise ValueError(
            f"{output}: is not empty, and not the output of an earlier run. "
            "Choose a new folder."
        )
    with atomic_write(own) as file:
        file.write(text.encode())
    try:
        check()  # for a process that started at the same time
    except ValueError:
        own.unlink()
        raise


def combined_checksum(version: pathlib.Path) -> str:
    """SHA-256 of the checksums of all files of a SavedModel."""
    text = json.dumps(file_checksums(version), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def report_orphans(
    folder: pathlib.Path,
    files: list[pathlib.Path],
    output: pathlib.Path,
    log: Callable[[str], None],
) -> None:
    """Logs a line about scored tables whose input file no longer exists."""
    orphans = set(walk_files(output)) - set(files)
    if orphans:
        log(
            f"{output}: {len(orphans):,} files have no input file in "
            f"{folder}, such as {min(orphans)}; they are kept"
        )


def fingerprint(path: pathlib.Path) -> dict[str, Any]:
    """Fingerprint of a Parquet file, without reading all of it.

    Returns:
        Dict of size in bytes, time of modification in nanoseconds, and SHA-256
        of the footer, which has the statistics of all columns.

    Raises:
        ValueError: If it is not a Parquet file.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            start = file.read(4)
            file.seek(max(0, status.st_size - 8))
            end = file.read()
            length = int.from_bytes(end[:4], "little")
            file.seek(max(0, status.st_size - 8 - length))
            footer = file.read()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"{path}: cannot be read ({reason}).") from None
    if start != b"PAR1" or end[4:] != b"PAR1":
        raise ValueError(
            f"{path}: is a damaged Parquet file, perhaps truncated. Write or "
            "copy it again."
        )
    return {
        "size": status.st_size,
        "modified": status.st_mtime_ns,
        "footer": hashlib.sha256(footer).hexdigest(),
    }


def read_record(path: pathlib.Path) -> dict[str, Any]:
    """Reads the record of a scored table; empty if there is none."""
    try:
        metadata = pa.parquet.read_metadata(path).metadata
        return json.loads(metadata[RECORD.encode()])
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError):
        return {}


def is_unchanged(record: Mapping[str, Any], path: pathlib.Path) -> bool:
    """Whether a file is unchanged since its scored table was written."""
    try:
        return bool(record) and record["input"] == fingerprint(path)
    except ValueError:
        return False


def score_file(
    detector: ServedDetector,
    false_alarm_rate: float,
    path: pathlib.Path,
    output: pathlib.Path,
    partition: Mapping[str, str | None],
    skip_invalid: bool,
    decimal: str | None,
) -> dict[str, Any]:
    """Writes the scored table of one file, and returns its record.

    Args:
        detector, false_alarm_rate, skip_invalid, decimal: See `score_folder`.
        path: Parquet file.
        output: File to write.
        partition: Further columns, see `partition_columns`.

    Raises:
        ValueError: If the file cannot be read or scored. An existing output
            stays unchanged.
        OSError: If the output cannot be written.
    """
    before = fingerprint(path)
    try:
        table_file = open_parquet(path, decimal)
    except ValueError as error:
        raise ValueError(f"{path}{error}") from None
    check_new_columns(table_file, NEW_COLUMNS)
    scorer = TableScorer(
        detector,
        false_alarm_rate,
        invalid_cells=InvalidCells() if skip_invalid else None,
    )

    record: dict[str, Any] = {"input": before}

    def metadata() -> dict[str, str]:
        if fingerprint(path) != before:
            raise ValueError(
                f"{path}: changed while it was scored. Run the same command "
                "again when the file is complete."
            )
        record.update(
            rows=scorer.num_rows,
            anomalies=scorer.num_anomalies,
            skipped=scorer.num_skipped,
        )
        return {RECORD: json.dumps(record)}

    output.parent.mkdir(parents=True, exist_ok=True)
    if table_file.max_rows == 0:  # Spark writes such files
        write_without_rows(path, output, metadata())
        return record
    try:
        write_scored(
            table_file,
            output,
            lambda chunk: scorer(with_partition(chunk, partition)),
            metadata=metadata,
        )
    except InvalidCellError as error:
        raise ValueError(invalid_cell_message(error)) from error
    return record


def with_partition(
    chunk: TableChunk, partition: Mapping[str, str | None]
) -> TableChunk:
    """Appends constant columns that a chunk does not have.

    >>> chunk = TableChunk(pa.table({"load": [1, 2]}))
    >>> with_partition(chunk, {"year": "2024"}).table.to_pydict()
    {'load': [1, 2], 'year': ['2024', '2024']}
    """
    table = chunk.table
    for name, value in partition.items():
        if name not in table.column_names:
            column = pa.repeat(pa.scalar(value, pa.string()), table.num_rows)
            table = table.append_column(name, column)
    return dataclasses.replace(chunk, table=table)


def write_without_rows(
    path: pathlib.Path, output: pathlib.Path, metadata: Mapping[str, str]
) -> None:
    """Writes the scored table of a file that has columns and no row."""
    schema = pa.parquet.read_schema(path)
    for name, column_type in NEW_COLUMN_TYPES.items():
        schema = schema.append(pa.field(name, column_type))
    table = schema.with_metadata(dict(metadata)).empty_table()
    with atomic_write(output) as file:
        pa.parquet.write_table(table, file)
