"""A Celery app that finds its Redis again within moments."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu import Connection

from pullback.broker.wakeups.options import celery_options

# How long a worker waits between two tries to reach Redis, in seconds: at first, more each time, and at most. kombu's
# own 2, 2 and 30 would have it wait on for long after another Redis took over.
_FIRST_SECONDS = 0.2
_MORE_SECONDS = 0.2
_MOST_SECONDS = 1.0


class _Connection(Connection):
    def _ensure_connection(self, *arguments: Any, **options: Any) -> Any:
        waits = {
            "interval_start": _FIRST_SECONDS,
            "interval_step": _MORE_SECONDS,
            "interval_max": _MOST_SECONDS,
        }
        return super()._ensure_connection(*arguments, **{**waits, **options})


class _Amqp(AMQP):
    Connection = _Connection


def celery_app(url: str, *, takes: bool) -> Celery:
    """Makes an app whose messages lie in the Redis of a URL.

    Args:
        url: where Redis is.
        takes: whether it takes wake-ups, or only sends them.
    """
    app = Celery("pullback", set_as_current=False, amqp=_Amqp)
    app.conf.update(celery_options(url, takes=takes), task_ignore_result=True)
    return app
