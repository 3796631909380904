"""The worker: a Celery app whose one task drains a lane into evaluators."""

from pullback.worker.settings import WorkerSettings

__all__ = ["WorkerSettings"]
