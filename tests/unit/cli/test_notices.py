from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pullback.cli.notices import Notices

if TYPE_CHECKING:
    import pytest


def test_the_same_warning_is_written_once_in_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """Two calls that meet one fault give one line, though their seconds differ; another fault gives another."""
    now = 100.0
    logger = logging.getLogger("pullback.tests.notices")
    logger.addHandler(Notices(lambda: now))
    logger.warning("%s; trying for another %.0f s", "no service", 58.0)
    logger.warning("%s; trying for another %.0f s", "no service", 57.0)
    logger.warning("%s; trying for another %.0f s", "no queue", 57.0)
    now = 111.0
    logger.warning("%s; trying for another %.0f s", "no service", 47.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "pullback: no service; trying for another 58 s",
        "pullback: no queue; trying for another 57 s",
        "pullback: no service; trying for another 47 s",
    ]
