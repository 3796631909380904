"""One evaluation from a call to its result: admitted, queued, waited for."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from pullback.broker import new_job
from pullback.contract.errors import PullbackError
from pullback.contract.status import from_status
from pullback.gateway.checking import timeout_ms
from pullback.gateway.tenants import scoped
from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from pullback.broker import NewJob, Quarantine
    from pullback.gateway.desk import Desk, Outcome
    from pullback.gateway.settings import GatewaySettings
    from pullback.gateway.tenants import Tenant
    from pullback.v1 import evaluation_pb2


class Evaluating:
    """Takes evaluations that are checked already.

    Args:
        desk: where tickets are left.
        quarantine: the programs that are refused.
        settings: time limits, and how long results are kept.

    Attributes:
        default_ms: the time limit of an evaluation that has none.
    """

    def __init__(self, desk: Desk, quarantine: Quarantine, settings: GatewaySettings) -> None:
        self._desk = desk
        self._quarantine = quarantine
        self._most_ms = max(1, int(settings.max_timeout_seconds * 1000))
        self.default_ms = min(max(1, int(settings.default_timeout_seconds * 1000)), self._most_ms)
        self._retention_ms = int(settings.retention_seconds * 1000)

    def admit(self, evaluation: evaluation_pb2.Evaluation, request_id: str, tenant: Tenant) -> NewJob:
        """Makes a job of an evaluation; without a request id, one that nobody can ask for again.

        Raises:
            PullbackError: its program is refused, or its time limit is wrong.
        """
        if self._quarantine and (refusal := self._quarantine.refusal(tenant.tag, evaluation.program)):
            raise refusal
        # Not the call's own deadline: another call may join, with more time. gRPC cancels this one when its is over.
        limit = timeout_ms(evaluation, self.default_ms, self._most_ms)
        retention = self._retention_ms if request_id else 0
        job_id = scoped(tenant, request_id or uuid4().hex)
        return new_job(job_id, evaluation, timeout_ms=limit, retention_ms=retention, tenant=tenant.tag)

    async def outcome(self, job: NewJob) -> pb.EvaluateOutcome:
        """Queues a job and waits for what comes of it; a call that is cancelled gives it up.

        Raises:
            PullbackError: the job was refused, or its outcome is not known.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        ticket = self._desk.submit(job, partial(_resolve, future))
        try:
            outcome = await future
        finally:
            self._desk.withdraw([ticket])
        if isinstance(outcome, PullbackError):
            raise outcome
        return pb.EvaluateOutcome.FromString(outcome)

    async def result(
        self, evaluation: evaluation_pb2.Evaluation, tenant: Tenant, request_id: str = ""
    ) -> evaluation_pb2.Result:
        """Evaluates, and gives the result.

        Raises:
            PullbackError: there is none.
        """
        outcome = await self.outcome(self.admit(evaluation, request_id, tenant))
        if outcome.HasField("error"):
            raise from_status(outcome.error) or AssertionError(outcome.error.code)
        return outcome.result


def _resolve(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    # A call that was just cancelled has not taken its ticket back yet.
    if not future.done():
        future.set_result(outcome)
