"""What a worker does about programs that make native code crash."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from redis.exceptions import RedisError

from pullback.contract.names import program_tag
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from pullback.broker import CrashCounter, Quarantine
    from pullback.contract.errors import KernelFault
    from pullback.evaluator import Job

log = logging.getLogger(__name__)


class Crashes:
    """Counts crashes for all workers, and knows at once which programs they put into quarantine."""

    def __init__(self, counter: CrashCounter, quarantine: Quarantine, life_seconds: float) -> None:
        self._counter = counter
        self._quarantine = quarantine
        self._life_seconds = life_seconds

    def crashed(self, job: Job, weight: int) -> bool:
        """Counts a crash, and tells whether the job's program is refused now."""
        program = _program(job)
        tag = program_tag(job.tenant, program)
        try:
            is_refused = self._counter.count(tag, weight)
        except (RedisError, OSError) as error:
            log.warning("a crash was not counted: %s", type(error).__name__)
            return False
        log.error(
            "a program made native code crash: %s%s", tag.hex(), ", in quarantine" if is_refused else ""
        )
        if is_refused:
            self._quarantine.add(tag, self._life_seconds)
        return is_refused


def refusal(quarantine: Quarantine, job: Job) -> KernelFault | None:
    """Gives the error of a job whose program is in quarantine; None for any other."""
    return quarantine.refusal(job.tenant, _program(job))


def _program(job: Job) -> str:
    try:
        return evaluation_pb2.Evaluation.FromString(job.evaluation).program
    except DecodeError:
        return ""
