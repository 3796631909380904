"""How an evaluator ends by itself, as exit codes: what its drain has to know of why."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of an evaluator that was not killed."""

    #: The drain hung up.
    DONE = 0
    #: A bug of ours, or a drain that sent something malformed.
    FAILED = 1
    #: There was no memory to answer a batch with.
    OUT_OF_MEMORY = 21
    #: A batch left the process changed, so that none of its answers counts. It may be run again, job by job.
    TAINTED = 22
    #: It answered all that it took, and ended because it is not as it was at first. The next batch was not begun.
    RETIRED = 23
    #: It was sent what needs code that is not loaded, and computed nothing. Its template loads the code; its drain is
    #: told that it retired.
    UNPREPARED = 24
