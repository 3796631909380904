"""The Celery app: places drains on worker processes, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from celery.signals import worker_process_init, worker_process_shutdown, worker_shutting_down

from pullback.broker.wakeups import celery_app
from pullback.contract.names import DRAIN_TASK, queue_name

if TYPE_CHECKING:
    from celery import Celery

    from pullback.worker.process import SlotProcess
    from pullback.worker.settings import WorkerSettings
    from pullback.worker.stopping import StopFlag

_CONFIGURATION: dict[str, Any] = {
    # Celery's own limit is 100 tries, after which a worker ends although Redis may come back.
    "broker_connection_max_retries": None,
    "broker_connection_retry_on_startup": True,
    "broker_channel_error_retry": True,
    "accept_content": ["json"],
    # A worker whose slots are all taken leaves wake-ups in the queue, for workers that have one free.
    "worker_disable_prefetch": True,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    # A child counts as dead unless it is up within this many seconds; an evaluator on a cold GPU takes a while.
    "worker_proc_alive_timeout": 60.0,
}


def make_app(settings: WorkerSettings, process: SlotProcess, stop: StopFlag, ready: int) -> Celery:
    """Makes the app.

    Args:
        settings: the worker's settings.
        process: what a worker process does; started in each after the fork.
        stop: set here when the worker shuts down.
        ready: a descriptor that each process writes one byte to when it is ready.
    """
    app = celery_app(settings.redis_url, takes=True)
    app.conf.update(_CONFIGURATION)

    def wake(lane: str) -> None:
        app.send_task(DRAIN_TASK, args=[lane], queue=queue_name(settings.device), ignore_result=True)

    @app.task(name=DRAIN_TASK)
    def drain(lane: str) -> None:
        process.drain(lane, wake)

    def tell() -> None:
        os.write(ready, b".")

    @worker_process_init.connect(weak=False)
    def begin(**_: object) -> None:
        process.start(tell)

    @worker_process_shutdown.connect(weak=False)
    def end(**_: object) -> None:
        process.stop()

    @worker_shutting_down.connect(weak=False)
    def shutting_down(**_: object) -> None:
        stop.set()

    return app
