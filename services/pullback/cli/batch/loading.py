"""A batch file as a whole: read, checked, and made into jobs.

Strategy: everything is read twice. The first time finds every fault and counts; the second makes the jobs, one by
one. What lies in tables and JSON Lines is never in memory as a whole. A file that changes in between ends the second
reading.
"""

from __future__ import annotations

import shutil
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, final

from pullback.cli.batch.building import Builder
from pullback.cli.batch.documents import Document
from pullback.cli.batch.faults import BatchError, Fault, Faults
from pullback.cli.batch.files import TABLES, Files, decoded
from pullback.cli.batch.json_lines import NotJson, as_yaml, read_json, read_lines
from pullback.cli.batch.labelling import MOST_JOBS, check_stretch
from pullback.cli.batch.model import BatchFile, JobFields
from pullback.cli.batch.scopes import Scope, Scopes
from pullback.cli.batch.sizes import check_size
from pullback.cli.batch.spooling import spooled
from pullback.cli.batch.summary import Summary
from pullback.cli.batch.tables import open_table
from pullback.cli.batch.validating import validate
from pullback.cli.batch.yaml_text import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pullback.cli.batch.families import BatchJob, Family

LINES = frozenset({".jsonl", ".ndjson"})
TEXTS = frozenset({".yaml", ".yml", ".json"})

# What faults of options are said to be in.
_COMMAND_LINE = "command line"


@final
class Batch:
    """A checked batch file.

    Attributes:
        file: its name, as it was given.
    """

    def __init__(self, file: str, source: _Source, summary: Summary) -> None:
        self.file = file
        self._source = source
        self._summary = summary

    def __len__(self) -> int:
        return self._summary.jobs

    def jobs(self, start: int = 0) -> Iterator[BatchJob]:
        """Makes the jobs from an index on, in the file's order: 100,000 take no more memory than one.

        Raises:
            BatchError: a file was changed since it was checked.
        """
        index, faults = 0, Faults()
        for family in self._source.families(faults):
            faults.raise_any()
            if family.table is None and index + family.inner <= start:
                index += family.inner
                continue
            for job in family.jobs(index):
                index = job.index + 1
                if job.index >= start:
                    yield job
        faults.raise_any()

    def describe(self) -> str:
        """Says what would be submitted: a few lines, the last with its line feed."""
        return self._summary.text(self.file, next(self.jobs()))


@final
class _Source:
    """What was read of a batch file, and how to read the rest."""

    def __init__(self, top: Scope, given: Scope, files: Files) -> None:
        self._top = top
        self._given = given
        self._files = files
        self._builder = Builder(files)

    def families(self, faults: Faults) -> Iterator[Family]:
        """Builds the family of each entry; adds what is wrong."""
        for scopes in self._entries(faults):
            yield self._builder.build(scopes, faults)

    def checked(self, faults: Faults) -> Summary:
        """Reads everything.

        Args:
            faults: what was found already.

        Raises:
            BatchError: with all that is wrong.
        """
        summary = Summary()
        try:
            for family in self.families(faults):
                rows = self._rows(family, faults)
                if not faults:
                    summary.add(family, rows)
        except BatchError as error:
            faults.take(error)
        faults.raise_any()
        if not summary.jobs:
            faults.add(self._top.fault((), "has no jobs"))
        if summary.jobs > MOST_JOBS:
            faults.add(
                self._top.fault((), f"makes {summary.jobs:,} jobs, but at most {MOST_JOBS:,} are allowed")
            )
        faults.raise_any()
        return summary

    def _rows(self, family: Family, faults: Faults) -> int:
        """Reads a family's table; gives how many rows it has, 1 where there is none."""
        check_size(family, faults)
        if family.table is None:
            return 1
        rows = 0
        try:
            for stretch in family.table.stretches():
                check_stretch(family, stretch, faults)
                check_size(family, faults, stretch)
                rows += stretch.size
        except BatchError as error:
            faults.take(error)
        return rows

    def _entries(self, faults: Faults) -> Iterator[Scopes]:
        """Gives the scopes of each entry."""
        fields = self._top.fields
        jobs = fields.jobs if isinstance(fields, BatchFile) else None
        if jobs is None:
            yield (self._given, self._top)
        elif isinstance(jobs, str):
            yield from self._lines(jobs, faults)
        else:
            for place, entry in enumerate(jobs):
                own = Scope(entry, self._top.document, ("jobs", place), shared=False)
                yield (self._given, own, self._top)

    def _lines(self, name: str, faults: Faults) -> Iterator[Scopes]:
        try:
            path = self._files.path(name)
        except ValueError as error:
            faults.add(self._top.fault(("jobs",), str(error)))
            return
        if path.suffix not in LINES:
            message = f"{name} is of no known kind; known are {', '.join(sorted(LINES))}"
            faults.add(self._top.fault(("jobs",), message))
            return
        for document in read_lines(path, name, faults):
            fields, whole = validate(JobFields, document, faults)
            yield (self._given, Scope(fields, document, shared=False, whole=whole), self._top)


def load_batch(path: str | Path, given: Mapping[str, object] | None = None) -> Batch:
    """Reads and checks a batch file and all files that it names. Sends nothing.

    Args:
        path: a .yaml, .yml or .json file; .jsonl or .ndjson: a job in each line; .csv, .tsv or .parquet: the inputs of
            a job in each row, of a program that is `given`; ``-``: YAML or JSON Lines from standard input.
        given: fields of the batch, spelled as in a file: ``{"program": "...", "priority": "bulk", "timeout": "5s"}``.
            They go before the file's. Files in them are found as those of the batch file are.

    Raises:
        BatchError: with every fault that was found, each with its file, line and field.
    """
    file = str(path)
    place = spooled() if file == "-" else Path(file)
    with ExitStack() as stack:
        if file == "-":
            stack.callback(shutil.rmtree, place.parent)
        batch = _load(place, file, given or {})
        weakref.finalize(batch, stack.pop_all().close)
    return batch


def _load(place: Path, file: str, given: Mapping[str, object]) -> Batch:
    faults = Faults()
    options = Document(_COMMAND_LINE, dict(given))
    fields, whole = validate(JobFields, options, faults)
    said = Scope(fields, options, whole=whole)
    try:
        document = _document(place, file)
    except BatchError as error:
        faults.take(error)
        raise BatchError(faults.found) from error
    found, whole = validate(BatchFile, document, faults)
    files = Files(Path() if file == "-" else place.parent)
    source = _Source(Scope(found, document, whole=whole), said, files)
    return Batch(file, source, source.checked(faults))


def _document(path: Path, file: str) -> Document:
    """Reads a batch file, or makes the one that a file of jobs or rows alone stands for.

    Raises:
        BatchError: it cannot be read.
    """
    suffix = path.suffix.lower()
    try:
        Files(Path()).path(str(path))
        if suffix in LINES:
            return Document(file, {"jobs": str(path) if file == "-" else path.name})
        if suffix in TABLES:
            open_table(path, file, None)
            return Document(file, {"rows": {"file": path.name}})
        if suffix in TEXTS:
            return _text_document(decoded(path, file), file, is_json=suffix == ".json")
    except ValueError as error:
        message = str(error).removeprefix(file).removeprefix(":").strip()
        raise BatchError([Fault(file, None, "", message)]) from error
    known = ", ".join(sorted(TEXTS | LINES | TABLES))
    raise BatchError([Fault(file, None, "", f"is of no known kind; known are {known}")])


def _text_document(text: str, file: str, *, is_json: bool) -> Document:
    if is_json:
        try:
            read_json(text)
        except NotJson as error:
            raise BatchError([Fault(file, error.line, "", str(error))]) from error
        text = as_yaml(text)
    document = read_yaml(text, file)
    if not isinstance(document.data, dict):
        what = "empty" if document.data is None else "not a mapping"
        raise BatchError([Fault(file, 1, "", f"is {what}; a batch has fields such as program and inputs")])
    return document
