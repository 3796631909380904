"""Whether jobs fit a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.cli.batch.faults import Fault
from pullback.contract.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from pullback.cli.batch.axes import Stretch
    from pullback.cli.batch.families import Family
    from pullback.cli.batch.faults import Faults

# What a message has beside its tensors: names, labels, times.
_ENVELOPE_BYTES = 64 << 10


def check_size(family: Family, faults: Faults, stretch: Stretch | None = None) -> None:
    """Adds a fault where a job is bigger than a message can be.

    Args:
        family: the jobs.
        faults: takes what is wrong.
        stretch: some rows of its table.
    """
    size = largest(family, stretch)
    if size <= MAX_MESSAGE_BYTES:
        return
    file, _, line = family.where.rpartition(":")
    at = Fault(file, int(line), "", "") if line.isdecimal() else Fault(family.where, None, "", "")
    message = f"a job takes {size:,} bytes, but a message holds {MAX_MESSAGE_BYTES:,}"
    faults.add(at._replace(message=message))


def largest(family: Family, stretch: Stretch | None = None) -> int:
    """Gives the bytes of a family's biggest job, or a little more."""
    columns = [column for axis in family.axes for column in axis.columns.values()]
    if stretch is not None:
        columns += stretch.columns.values()
    return family.template.ByteSize() + sum(column.most_bytes() for column in columns) + _ENVELOPE_BYTES
