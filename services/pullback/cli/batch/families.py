"""Jobs that share all but what a sweep gives them: checked once, then made one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from pullback.cli.batch.columns import number_text
from pullback.cli.batch.labels import INDEX, filled, unfilled
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from pullback.cli.batch.axes import ListedAxis, Stretch
    from pullback.cli.batch.columns import Column
    from pullback.cli.batch.rows import RowsAxis
    from pullback.v1.tensor_pb2 import Tensor


class Item(NamedTuple):
    """One item of an axis: where it is in a stretch."""

    stretch: Stretch
    place: int


@dataclass(frozen=True)
class Family:
    """Jobs of one entry.

    Attributes:
        where: the place that they come from, such as ``sweep.yaml:12``.
        template: a job with all that they share.
        moments: times that may count from when the batch is submitted, by field of the message.
        labels: with gaps.
        fixed: for the gaps: the inputs that all share.
        table: the axis that is read in pieces; None for none.
        axes: the others; the last runs fastest.
        seeds: the axis of seeds, which runs fastest of all.
    """

    where: str
    template: pb.Job
    moments: Mapping[str, datetime | timedelta]
    labels: Mapping[str, str]
    fixed: Mapping[str, Tensor]
    table: RowsAxis | None
    axes: Sequence[ListedAxis]
    seeds: Column | None

    @property
    def inner(self) -> int:
        """How many jobs there are for each row of the table."""
        count = len(self.seeds) if self.seeds is not None else 1
        for axis in self.axes:
            count *= axis.stretch.size
        return count

    def jobs(self, index: int) -> Iterator[BatchJob]:
        """Makes the jobs.

        Args:
            index: of the first.

        Raises:
            BatchError: a table is wrong, or was changed.
        """
        stretches = [axis.stretch for axis in self.axes]
        seeds = range(1 if self.seeds is None else len(self.seeds))
        plain = unfilled(self.labels)
        for row in self._rows():
            for *places, seed in product(*(range(stretch.size) for stretch in stretches), seeds):
                items = [*row, *(Item(*pair) for pair in zip(stretches, places, strict=True))]
                yield BatchJob(self, index, items, seed, plain=plain)
                index += 1

    def _rows(self) -> Iterator[list[Item]]:
        if self.table is None:
            yield []
            return
        for stretch in self.table.stretches():
            for place in range(stretch.size):
                yield [Item(stretch, place)]


class BatchJob:
    """One job of a batch.

    Attributes:
        index: its place in the batch, from 0.
    """

    __slots__ = ("_family", "_items", "_plain", "_seed", "index")

    def __init__(self, family: Family, index: int, items: list[Item], seed: int, *, plain: bool) -> None:
        self.index = index
        self._family = family
        self._items = items
        self._seed = seed
        self._plain = plain

    @property
    def where(self) -> str:
        """The place that it comes from, for messages: ``sweep.yaml:12`` or ``points.csv:7``."""
        for stretch, place in self._items:
            if stretch.lines is not None:
                return f"{stretch.file}:{stretch.lines[place]}"
        return self._family.where

    @property
    def moments(self) -> Mapping[str, datetime | timedelta]:
        """The times that may count from when the batch is begun."""
        return self._family.moments

    @property
    def labels(self) -> dict[str, str]:
        """Its own labels, at most 14, so that the batch's own two fit."""
        templates = self._family.labels
        if self._plain:
            return dict(templates)
        return {key: filled(template, self.text_of) for key, template in templates.items()}

    def request(
        self, job_id: str, now: datetime, labels: Mapping[str, str] | None = None
    ) -> pb.CreateJobRequest:
        """Makes the message that creates it; the same one for the same arguments.

        Args:
            job_id: the id that it is to have.
            now: when the batch was begun, with its zone: spans count from it. The same for all jobs of a batch, and for
                a second try.
            labels: further labels.
        """
        request = pb.CreateJobRequest(job_id=job_id)
        job = request.job
        job.CopyFrom(self._family.template)
        inputs = job.evaluation.inputs
        for stretch, place in self._items:
            for name, column in stretch.columns.items():
                column.write(inputs[name], place)
        if self._family.seeds is not None:
            job.evaluation.seed = seed_of(self._family.seeds.get(self._seed))
        for name, moment in self._family.moments.items():
            stamp: Timestamp = getattr(job, name)
            stamp.FromDatetime(now + moment if isinstance(moment, timedelta) else moment)
        job.labels.update(self.labels)
        job.labels.update(labels or {})
        return request

    def text_of(self, name: str) -> str:
        """Writes what stands for a name in a label."""
        if name == INDEX:
            return str(self.index)
        if name == "seed" and self._family.seeds is not None:
            return str(seed_of(self._family.seeds.get(self._seed)))
        for stretch, place in self._items:
            if name in stretch.columns:
                return number_text(stretch.columns[name].get(place)) or ""
            if name in stretch.texts:
                return stretch.texts[name][place]
        return number_text(self._family.fixed[name]) or ""


def seed_of(message: Any) -> int:
    """Reads a seed off its tensor."""
    return int.from_bytes(message.data, "little")
