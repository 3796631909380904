"""Keeps the worker's template alive."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from pullback.evaluator import EvaluatorUnavailable
from pullback.worker.meters import NO_METERS

if TYPE_CHECKING:
    from pullback.evaluator import Template
    from pullback.worker.meters import AbstractMeters
    from pullback.worker.stopping import StopFlag

log = logging.getLogger(__name__)

# How long to wait before a template that died is started again, in seconds, so that one that cannot live is no storm.
PAUSE_SECONDS = 0.5


class Guard:
    """Starts the template again when it dies; ends the worker where that cannot be done.

    Drains that ask for an evaluator meanwhile wait in the listening socket's backlog, which is the worker's.
    """

    def __init__(self, template: Template, stop: StopFlag, meters: AbstractMeters = NO_METERS) -> None:
        self._meters = meters
        self._template = template
        self._stop = stop
        #: Whether the worker was ended because its template could not be started.
        self.gave_up = False

    def run(self) -> None:
        """Watches until the worker stops. To be called in a thread that lasts as long as the worker."""
        while True:
            self._template.wait()
            if self._stop:
                return
            self._meters.template_restarted()
            log.error("the template of the evaluators died; starting it again")
            time.sleep(PAUSE_SECONDS)
            try:
                self._template.restart_if_dead()
            except EvaluatorUnavailable:
                log.exception("no evaluator can be had; the worker ends")
                self.gave_up = True
                os.kill(os.getpid(), signal.SIGTERM)
                return
