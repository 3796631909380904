"""When a part that died is started again, and when no more."""

from __future__ import annotations

from typing import final

#: A part that dies sooner than this after it was ready most likely has the same trouble again. In seconds.
QUICK_SECONDS = 10.0

#: Quick deaths in a row at which a part is given up.
MOST_QUICK_DEATHS = 5

#: The first wait before a new start, and the longest, in seconds; each wait is twice the one before.
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0


@final
class RestartPolicy:
    """Counts the deaths of one part."""

    def __init__(self) -> None:
        self._quick_deaths = 0

    def after_death(self, lived_seconds: float) -> float | None:
        """Decides what follows a death.

        Args:
            lived_seconds: how long the part had been ready; 0 when it never was.

        Returns:
            How many seconds to wait before a new start; None to give up.
        """
        if lived_seconds >= QUICK_SECONDS:
            self._quick_deaths = 0
            return FIRST_DELAY_SECONDS
        self._quick_deaths += 1
        if self._quick_deaths >= MOST_QUICK_DEATHS:
            return None
        return min(FIRST_DELAY_SECONDS * 2.0 ** (self._quick_deaths - 1), LONGEST_DELAY_SECONDS)
