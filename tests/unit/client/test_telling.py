from __future__ import annotations

import logging

from pullback.client.telling import Seldom


def test_the_same_is_told_once_in_ten_seconds() -> None:
    """A thousand calls that meet one fault give one line, though their seconds differ; another fault gives another."""
    now = 100.0
    seldom = Seldom(lambda: now)

    def told(about: str, seconds: float) -> bool:
        template = "%s; trying for another %.0f s"
        return seldom.filter(
            logging.LogRecord("client", logging.WARNING, "", 0, template, (about, seconds), None)
        )

    assert told("no service", 58.0)
    now += 0.1
    assert not told("no service", 57.0)
    assert told("no queue", 57.0)
    now += 10.0
    assert told("no service", 47.0)
