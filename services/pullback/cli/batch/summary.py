"""What a batch comes to, as `--dry-run` prints it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from pullback.cli.batch.columns import describe, number_text
from pullback.v1 import evaluation_pb2
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.cli.batch.families import BatchJob, Family

# Entries that are described one by one, and lines of a program that are shown.
_SHOWN = 10

# When a span begins that is only to be shown.
_THEN = datetime.fromisoformat("2000-01-01T00:00:00Z")


@dataclass
class Summary:
    """Counts.

    Attributes:
        jobs: all jobs.
        entries: the entries that they come from.
        bytes: of all messages together, about.
    """

    jobs: int = 0
    entries: int = 0
    bytes: int = 0
    _programs: set[int] = field(default_factory=set)
    _lines: list[str] = field(default_factory=list)

    def add(self, family: Family, rows: int) -> None:
        """Takes one more entry, whose table has so many rows, or 1 where it has none."""
        jobs = rows * family.inner
        self.jobs += jobs
        self.entries += 1
        self._programs.add(hash(family.template.evaluation.program))
        columns = [column for axis in family.axes for column in axis.columns.values()]
        self.bytes += jobs * (family.template.ByteSize() + sum(column.most_bytes() for column in columns))
        if self.entries <= _SHOWN:
            self._lines += _entry(family, jobs)

    def text(self, file: str, first: BatchJob) -> str:
        """Writes it, with the first job as an example."""
        programs = f"{len(self._programs):,} program" + ("s" if len(self._programs) > 1 else "")
        head = f"{file}: {self.jobs:,} job" + ("s" if self.jobs > 1 else "")
        lines = [f"{head}, {programs}, about {_size(self.bytes)}; nothing was sent", *self._lines]
        if self.entries > _SHOWN:
            lines.append(f"and {self.entries - _SHOWN:,} more entries")
        lines += ["", f"the first job, of {first.where}:", *_job(first)]
        return "\n".join([*lines, ""])


def _entry(family: Family, jobs: int) -> Iterator[str]:
    yield f"{family.where}: {jobs:,} job" + ("s" if jobs > 1 else "")
    if family.table is not None:
        yield f"  {family.table.about()}"
    yield from (f"  {axis.about()}" for axis in family.axes)
    if family.seeds is not None:
        yield f"  seed: {len(family.seeds):,}"


def _job(first: BatchJob) -> Iterator[str]:
    job = first.request("", _THEN).job
    evaluation = job.evaluation
    program = evaluation.program.rstrip("\n").split("\n")
    yield "  program:"
    yield from (f"    {line}" for line in program[:_SHOWN])
    if len(program) > _SHOWN:
        yield f"    and {len(program) - _SHOWN:,} more lines"
    for name in sorted(evaluation.inputs):
        tensor = evaluation.inputs[name]
        number = number_text(tensor)
        yield f"  {name}: {describe(tensor.dtype, tensor.shape)}" + (f" = {number}" if number else "")
    for key, value in sorted(job.labels.items()):
        yield f"  label {key}={value}"
    yield from _options(job, first)


def _options(job: pb.Job, first: BatchJob) -> Iterator[str]:
    """Writes whatever else is set, under the names of the wire."""
    evaluation = evaluation_pb2.Evaluation()
    evaluation.CopyFrom(job.evaluation)
    for name in ("program", "inputs", "cotangents"):
        evaluation.ClearField(name)
    rest = pb.Job()
    rest.CopyFrom(job)
    for name in ("evaluation", "labels", "deadline_time", "not_before_time"):
        rest.ClearField(name)
    for message in (evaluation, rest):
        for key, value in MessageToDict(message, preserving_proto_field_name=True).items():
            yield f"  {key}: {_word(key, value)}"
    for name, moment in first.moments.items():
        told = f"{moment} after submission" if isinstance(moment, timedelta) else moment.isoformat()
        yield f"  {name}: {told}"


def _word(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool) or value == {}:
        return "true"
    # The numbers of an enumeration have their name on the wire before them.
    return str(value).rpartition("_")[2].lower() if key in {"device", "priority"} else str(value)


def _size(count: int) -> str:
    value, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
