"""What the worker tells its template, and how the template says that it is ready."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What the template writes to its standard output once it accepts connections.
READY_LINE = b"ready\n"


@dataclass(frozen=True)
class Options:
    """What the worker tells its template.

    Attributes:
        listen_fd: the descriptor of the listening socket.
        parent_pid: the worker's process id.
        device: "cpu" or "cuda".
        worker: the worker's name, for `Result.worker`.
        limits: the bounds on an evaluation.
    """

    listen_fd: int
    parent_pid: int
    device: str
    worker: str
    limits: Limits

    def arguments(self) -> list[str]:
        """Writes them as `parse` reads them."""
        return [
            f"--listen-fd={self.listen_fd}",
            f"--parent-pid={self.parent_pid}",
            f"--device={self.device}",
            f"--worker={self.worker}",
            f"--limits={self.limits.model_dump_json()}",
        ]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Options:
        """Reads them from the command line."""
        parser = argparse.ArgumentParser(prog="pullback.evaluator", allow_abbrev=False)
        parser.add_argument("--listen-fd", type=int, required=True)
        parser.add_argument("--parent-pid", type=int, required=True)
        parser.add_argument("--device", required=True)
        parser.add_argument("--worker", required=True)
        parser.add_argument("--limits", type=Limits.model_validate_json, required=True)
        return cls(**vars(parser.parse_args(arguments)))
