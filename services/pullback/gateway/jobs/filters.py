"""Which jobs a caller asks for."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from pullback.broker import Selection
from pullback.gateway.checking import too_much
from pullback.gateway.jobs.fields import check_known, id_of, label_lines, timestamp_ms
from pullback.gateway.jobs.rendering import STATES
from pullback.gateway.jobs.tokens import SCOPE_BYTES

if TYPE_CHECKING:
    from pullback.broker import Change, StoredJob
    from pullback.v1 import job_pb2 as pb

MOST_NAMES = 10_000

_STATES = {number: state for state, number in STATES.items()}


class Filter:
    """A checked `JobFilter`, asked for one tenant.

    Attributes:
        selection: the same, as the broker takes it.
        scope: a digest of filter and tenant, by which a token knows what it belongs to.
    """

    def __init__(self, given: pb.JobFilter, tenant: bytes) -> None:
        """Checks a filter.

        Raises:
            InvalidArgument: a field of it is wrong.
            LimitExceeded: it has too many names.
        """
        for number in given.states:
            check_known(number, _STATES, "filter.states")
        if len(given.names) > MOST_NAMES:
            raise too_much("filter.names", "names", len(given.names), MOST_NAMES)
        lines = label_lines(given.labels, "filter.labels")
        self._labels = tuple(f"\n{line}\n" for line in lines.split("\n") if line)
        self.selection = Selection(
            states=frozenset(_STATES[number] for number in given.states),
            labels=tuple(line.strip("\n") for line in self._labels),
            from_ms=_bound(given, "created_from"),
            before_ms=_bound(given, "created_before"),
            job_ids=tuple(sorted({id_of(name, "filter.names") for name in given.names})),
        )
        self._job_ids = frozenset(self.selection.job_ids)
        # Names and labels in an order of their own: the same filter is the same, however its maps were written.
        parts = (tenant, repr((sorted(given.states), *self.selection[1:])).encode())
        self.scope = blake2b(b"".join(parts), digest_size=SCOPE_BYTES).digest()

    def __bool__(self) -> bool:
        """Tells whether there is any condition."""
        return any(self.selection)

    def wants(self, change: Change) -> bool:
        """Tells whether a change may be of interest, from what it says itself."""
        if self._job_ids and change.job_id not in self._job_ids:
            return False
        states = self.selection.states
        if states and change.state is not None and change.state not in states:
            return False
        return all(line in change.labels for line in self._labels)

    def fits(self, job: StoredJob) -> bool:
        """Tells whether a job is one that is asked for, as it is now."""
        states, _, from_ms, before_ms, _ = self.selection
        return (
            (not self._job_ids or job.job_id in self._job_ids)
            and (not states or job.state in states)
            and all(line in job.labels for line in self._labels)
            and from_ms <= job.created_ms
            and (not before_ms or job.created_ms < before_ms)
        )


def _bound(given: pb.JobFilter, field: str) -> int:
    """Gives a time of the filter in ms; 0 where it is unset, and never where it is set.

    Jobs are created at whole milliseconds, so that both bounds are rounded up.
    """
    if not given.HasField(field):
        return 0
    return max(1, timestamp_ms(getattr(given, field), f"filter.{field}", up=True))
