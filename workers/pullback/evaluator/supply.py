"""Which evaluator a batch gets: who shares one with whom."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.evaluator.job import Job, Outcome

# Evaluators of different tenants that one worker child keeps. Each holds some 60 MiB that it shares with nobody.
TENANTS_KEPT = 4


class Isolation(StrEnum):
    """Who may share an evaluator. What each costs is in docs/decisions/0014."""

    #: All jobs of a worker child, one evaluator after the other.
    CHILD = "child"
    #: The jobs of one tenant.
    TENANT = "tenant"
    #: Nobody: each job gets a new one.
    JOB = "job"


class AbstractEvaluator(Protocol):
    """What is needed of an `Evaluator`."""

    @property
    def alive(self) -> bool:
        """Whether it can take a batch."""

    def evaluate(self, jobs: Sequence[Job], *, timeout: float | None = None) -> list[Outcome]:
        """Evaluates a batch, see `Evaluator.evaluate`."""

    def kill(self) -> None:
        """Kills it, from any thread."""

    def close(self) -> None:
        """Frees it, after its last batch."""


class Supply:
    """Makes evaluators when they are needed, and keeps those that may be used again."""

    def __init__(self, connect: Callable[[], AbstractEvaluator], isolation: Isolation) -> None:
        self._connect = connect
        self._isolation = isolation
        # The one used last is last.
        self._kept: OrderedDict[bytes, AbstractEvaluator] = OrderedDict()

    def companies(self, jobs: Sequence[Job]) -> list[Sequence[Job]]:
        """Parts jobs into those that may share an evaluator."""
        match self._isolation:
            case Isolation.CHILD:
                return [jobs]
            case Isolation.TENANT:
                by_tenant: dict[bytes, list[Job]] = {}
                for job in jobs:
                    by_tenant.setdefault(job.tenant, []).append(job)
                return [*by_tenant.values()]
            case Isolation.JOB:
                return [[job] for job in jobs]

    def take(self, tenant: bytes) -> AbstractEvaluator:
        """Gives an evaluator that is alive, for the jobs of one company.

        Args:
            tenant: the tag of whose jobs they are.
        """
        key = tenant if self._isolation is Isolation.TENANT else b""
        kept = self._kept.get(key)
        if kept is not None:
            if kept.alive and self._isolation is not Isolation.JOB:
                self._kept.move_to_end(key)
                return kept
            del self._kept[key]
            kept.close()
        elif len(self._kept) >= TENANTS_KEPT:
            _, oldest = self._kept.popitem(last=False)
            oldest.close()
        made = self._kept[key] = self._connect()
        return made

    def close(self) -> None:
        """Ends all that are kept."""
        while self._kept:
            _, each = self._kept.popitem()
            each.close()
