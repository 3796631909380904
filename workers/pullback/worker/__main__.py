"""``python -m pullback.worker``: one worker, set up by ``PULLBACK_*`` variables."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING

from celery.exceptions import SecurityWarning
from pydantic import ValidationError

from pullback.contract.allocator import keep_freed_memory
from pullback.contract.errors import InvalidArgument
from pullback.contract.names import queue_name
from pullback.contract.settings import explain
from pullback.evaluator import EVALUATOR, Evaluator, EvaluatorUnavailable, Template
from pullback.worker.app import make_app
from pullback.worker.guarding import Guard
from pullback.worker.meters import meters_of, telling
from pullback.worker.process import SlotProcess
from pullback.worker.settings import WorkerSettings
from pullback.worker.stopping import StopFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)


def main(evaluator: Sequence[str] = EVALUATOR) -> int:
    """Runs a worker; says on standard output when its slots are ready.

    Args:
        evaluator: what the Python interpreter runs as the template of the evaluators.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # Celery says much at INFO; what a worker does is in the results.
    logging.getLogger("celery").setLevel(logging.WARNING)
    logging.getLogger("kombu").setLevel(logging.WARNING)
    keep_freed_memory()
    if os.geteuid() == 0:
        # Said once and briefly, in place of Celery's own page of it.
        warnings.simplefilter("ignore", SecurityWarning)
        log.warning(
            "running as root; use another user: evaluators leave it, but this process holds the queue"
        )
    try:
        settings = WorkerSettings()
    except ValidationError as error:
        return _refuse(explain(error))
    template = Template(
        device=settings.compute_device,
        worker=settings.worker_name,
        limits=settings.limits,
        environment=settings.driver_environment(),
        program=evaluator,
    )
    try:
        template.start()
        # A device that does not work is to be known now, not at the first job.
        with Evaluator.connect(template.address) as first:
            engine, protections = first.engine, first.protections
    except EvaluatorUnavailable as error:
        template.stop()
        return _refuse(f"the device {settings.compute_device} cannot be used: {error}")
    log.log(logging.WARNING if protections.missing else logging.INFO, "protections: %s", protections)
    if protections.lacking and settings.protections == "required":
        template.stop()
        return _refuse("PULLBACK_PROTECTIONS is 'required', and some are missing; 'available' does without")
    try:
        return _run(settings, template, engine)
    finally:
        template.stop()


def _run(settings: WorkerSettings, template: Template, engine: str) -> int:
    stop, slots_ready = StopFlag(), threading.Event()
    with meters_of(settings) as meters:
        guard = Guard(template, stop, meters)
        ready, each_ready = os.pipe()
        process = SlotProcess(settings, template.address, engine, stop, meters)
        app = make_app(settings, process, stop, each_ready)
        threading.Thread(target=_announce, args=(settings, ready, slots_ready), daemon=True).start()
        threading.Thread(target=guard.run, name="guard", daemon=True).start()
        worker = app.Worker(
            hostname=f"{settings.worker_name}-{os.getpid()}",
            pool_cls="prefork",
            concurrency=settings.slots,
            queues=[queue_name(settings.device)],
            loglevel="WARNING",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )

        def is_ready() -> str | None:
            if stop:
                return "stopping"
            return None if slots_ready.is_set() else "not all slots are ready"

        def is_live() -> str | None:
            return "no evaluator can be had" if guard.gave_up else None

        try:
            with telling(meters, settings.metrics_listen, is_live, is_ready) as address:
                if address:
                    _say(f"metrics on {address}")
                worker.start()
        except InvalidArgument as error:
            return _refuse(str(error))
    return 1 if guard.gave_up else int(worker.exitcode or 0)


def _announce(settings: WorkerSettings, ready: int, slots_ready: threading.Event) -> None:
    started = 0
    while started < settings.slots:
        started += len(os.read(ready, settings.slots))
    slots_ready.set()
    _say(f"pullback worker ready: {settings.worker_name} on {settings.device}, {settings.slots} slots")


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)  # noqa: T201 - the process's own voice
    return 2


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - whoever started us waits for this line


if __name__ == "__main__":
    sys.exit(main())
