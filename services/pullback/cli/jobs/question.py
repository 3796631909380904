"""What is asked after Ctrl-C."""

from __future__ import annotations

import signal
import sys

import typer

from pullback.cli.jobs.collecting import Answer

_QUESTION = "\n[l]eave the jobs running, [c]ancel them, or go on [w]atching? "
_ANSWERS = {"l": Answer.LEAVE, "c": Answer.CANCEL, "w": Answer.GO_ON, "": Answer.GO_ON}


def can_ask() -> bool:
    """Tells whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask() -> Answer:
    """Asks whether to leave the jobs or to cancel them; a second Ctrl-C leaves them, as the end of the input does."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        while True:
            typer.echo(_QUESTION, nl=False, err=True)
            text = sys.stdin.readline()
            if not text:
                return Answer.LEAVE
            answer = _ANSWERS.get(text.strip().lower()[:1])
            if answer is not None:
                return answer
    except KeyboardInterrupt:
        return Answer.LEAVE
    finally:
        signal.signal(signal.SIGINT, old)
