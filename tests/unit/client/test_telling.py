from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from pullback.client.telling import Seldom

if TYPE_CHECKING:
    import pytest


def warning(about: str, seconds: float) -> logging.LogRecord:
    """Makes a warning of what is waited for."""
    template = "%s; trying for another %.0f s"
    return logging.LogRecord("client", logging.WARNING, "", 0, template, (about, seconds), None)


def test_the_same_is_told_once_in_ten_seconds() -> None:
    """A thousand calls that meet one fault give one line, though their seconds differ; another fault gives another."""
    now = 100.0
    seldom = Seldom(lambda: now)

    assert seldom.filter(warning("no service", 58.0))
    assert not seldom.filter(warning("no service", 58.0))
    now += 0.1
    assert not seldom.filter(warning("no service", 57.0))
    assert seldom.filter(warning("no queue", 57.0))
    now += 10.0
    assert seldom.filter(warning("no service", 47.0))


def test_threads_that_meet_faults_at_once_tell_each_once(request: pytest.FixtureRequest) -> None:
    """A filter that threads share raises nothing into their calls, whenever they are switched."""
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)
    seldom = Seldom(lambda: 100.0)

    def told(_: int) -> int:
        return sum(seldom.filter(warning(f"fault {number}", 9.0)) for number in range(1_000))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(told, range(8))) == 1_000
