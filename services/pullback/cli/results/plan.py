"""How the rows of a journal become arrays: which tensors are stacked, in which order. No I/O but the journal's.

Strategy: a name whose tensors have one data type and one shape in every job that succeeded is one array with the jobs
along its first axis. Any other name is an array for each job, under the name and the job's id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pullback.cli.results.record import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pullback.cli.results.journal import Journal, Placed, Row
    from pullback.cli.results.record import Kind

#: What the arrays of a file are called that are of the jobs.
JOBS = "jobs"
INDEX = "index"

Target = tuple[str, str]  # kind and name


@dataclass
class Column:
    """What is known of one name.

    Attributes:
        kind: what its tensors are.
        name: of the output or the leaf, or of a block.
        dtype: of the first tensor.
        shape: of the first tensor.
        count: the jobs that have it.
        one_dtype: whether all tensors have that data type.
        one_shape: whether all tensors have that shape.
    """

    kind: Kind
    name: str
    dtype: str
    shape: tuple[int, ...]
    count: int = 0
    one_dtype: bool = True
    one_shape: bool = True

    @property
    def key(self) -> str:
        """What the array is called."""
        return f"{self.kind}/{self.name}"

    def see(self, tensor: Placed) -> None:
        """Takes note of one more tensor."""
        self.count += 1
        self.one_dtype &= tensor.dtype == self.dtype
        self.one_shape &= tensor.shape == self.shape


@dataclass
class Plan:
    """The rows of a journal in the order of the file: by batch and index, then by id.

    Attributes:
        slots: what there is a row for.
        succeeded: the ids of the jobs that have a result.
        indices: their indices in their batches; None where one is of no batch.
        columns: every name, in the order of `KINDS`.
        jobs_size: bytes of what `job_lines` gives.
    """

    slots: list[str]
    succeeded: list[str] = field(default_factory=list)
    indices: list[int] | None = field(default_factory=list)
    columns: dict[Target, Column] = field(default_factory=dict)
    jobs_size: int = 0

    def stacked(self, column: Column) -> bool:
        """Tells whether a name is one array."""
        return column.one_dtype and column.one_shape and column.count == len(self.succeeded)


def plan_of(journal: Journal) -> Plan:
    """Reads the facts of every row once."""
    plan = Plan(sorted(journal.known, key=_order))
    for row in rows_of(journal, plan):
        plan.jobs_size += len(job_line(row))
        if row.facts["state"] == "SUCCEEDED":
            plan.succeeded.append(row.facts["id"])
            _see_index(plan, row.facts["index"])
        for tensor in row.tensors:
            target = (tensor.kind, tensor.name)
            if target not in plan.columns:
                plan.columns[target] = Column(*target, tensor.dtype, tensor.shape)
            plan.columns[target].see(tensor)
    order = sorted(plan.columns, key=lambda target: (KINDS.index(target[0]), target[1]))
    plan.columns = {target: plan.columns[target] for target in order}
    return plan


def _see_index(plan: Plan, index: int | None) -> None:
    if index is None:
        plan.indices = None
    elif plan.indices is not None:
        plan.indices.append(index)


def _order(slot: str) -> tuple[str, int, str]:
    start, _, rest = slot.rpartition(".")
    return (start, int(rest), slot) if rest.isascii() and rest.isdecimal() else (slot, -1, slot)


def rows_of(journal: Journal, plan: Plan) -> Iterator[Row]:
    """Gives the rows in the order of the file, one at a time."""
    return map(journal.row, plan.slots)


def tensors_of(journal: Journal, plan: Plan, column: Column) -> Iterator[tuple[str, Placed]]:
    """Gives where the tensors of one name lie, by job, in the order of the file."""
    for row in rows_of(journal, plan):
        for tensor in row.tensors:
            if (tensor.kind, tensor.name) == (column.kind, column.name):
                yield row.facts["id"], tensor


def job_line(row: Row) -> bytes:
    """Writes the facts of a job as one line of JSON, with the data types and shapes of its tensors."""
    tensors = [[t.kind, t.name, t.dtype, t.shape] for t in row.tensors]
    return json.dumps({**row.facts, "tensors": tensors}, ensure_ascii=False).encode() + b"\n"


def read_job_line(line: bytes) -> tuple[dict[str, Any], list[tuple[Kind, str, str, tuple[int, ...]]]]:
    """Reads what `job_line` wrote."""
    facts = json.loads(line)
    return facts, [(kind, name, dtype, tuple(shape)) for kind, name, dtype, shape in facts.pop("tensors")]


def key_of(stacked: Mapping[str, object], kind: Kind, name: str, job_id: str) -> str:
    """Gives the array in which a job's tensor lies."""
    return f"{kind}/{name}" if f"{kind}/{name}" in stacked else f"{kind}/{name}/{job_id}"
