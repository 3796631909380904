"""Celery over Redis, for those who send wake-ups and those who take them. A package of its own: others do without."""

from pullback.broker.wakeups.app import celery_app
from pullback.broker.wakeups.options import celery_options

__all__ = ["celery_app", "celery_options"]
