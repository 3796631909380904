from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from pullback.cli.jobs.inbox import ENDING, Broke, Inbox, Signalled, Submitted
from pullback.client import News

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds after which a test that waits has failed.
PATIENCE = 30.0


def test_a_slow_reader_slows_its_source_down() -> None:
    """No more than eight messages are ahead of the reader, however fast they come, and none is lost."""
    inbox, made, full = Inbox(), [], threading.Event()

    def source() -> Iterator[News]:
        for number in range(50):
            made.append(number)
            if number == 8:
                full.set()
            yield News((), (), str(number), caught_up=True)

    inbox.start("source", source)
    assert full.wait(PATIENCE)
    assert made == list(range(9))  # the ninth waits for its place
    got = [inbox.get(PATIENCE) for _ in range(50)]
    assert [message.cursor for message in got if isinstance(message, News)] == list(map(str, range(50)))
    inbox.close()
    inbox.join(PATIENCE)


def test_an_error_of_a_source_is_a_message() -> None:
    """Whatever a source raises reaches the main thread as it is."""
    inbox, error = Inbox(), ZeroDivisionError("a bug")

    def source() -> Iterator[Submitted]:
        yield Submitted()
        raise error

    inbox.start("source", source)
    assert inbox.get(PATIENCE) == Submitted()
    assert inbox.get(PATIENCE) == Broke(error)
    assert inbox.get(0) is None


def test_a_closed_inbox_lets_its_sources_end() -> None:
    """A source that waits for a place leaves, and what it raises then interests nobody."""
    inbox, going = Inbox(), threading.Event()

    def source() -> Iterator[Submitted]:
        for number in range(100):
            if number == 8:
                going.set()
            yield Submitted()

    inbox.start("source", source)
    assert going.wait(PATIENCE)
    inbox.close()
    inbox.join(PATIENCE)
    assert not any(thread.is_alive() for thread in inbox._threads)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_a_message_while_it_is_wanted(number: int) -> None:
    """Within, a signal ends nothing by itself; afterwards it does what it did before."""
    inbox, before = Inbox(), signal.getsignal(number)
    with inbox.signals():
        os.kill(os.getpid(), number)
        assert inbox.get(PATIENCE) == Signalled(number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_that_is_ignored_stays_so(number: int) -> None:
    """A command that a shell started in the background, or under nohup, is not ended by what it shall not heed."""
    inbox, before = Inbox(), signal.signal(number, signal.SIG_IGN)
    try:
        with inbox.signals():
            os.kill(os.getpid(), number)
            assert inbox.get(0) is None
    finally:
        signal.signal(number, before)
