"""A whole system of processes, started the way a user starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# How long a start may take, in seconds: torch is loaded from a cold disk.
START_SECONDS = 60.0
STOP_SECONDS = 30.0

# How a user starts it.
UP = (str(Path(sys.executable).with_name("pullback")), "up")

_UP = re.compile(r"pullback is up on (\S+)")


class System:
    """`pullback up` in a process of its own, with a data directory of its own.

    Attributes:
        address: host:port of the gateway.
        lines: what it printed so far.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        workers: int = 2,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
        command: Sequence[str] = UP,
    ) -> None:
        self._command = [
            *command, "--port", str(port), "--data-dir", str(data_dir), "--workers", str(workers),
        ]  # fmt: skip
        self._environment = environment
        self.lines: list[str] = []
        self._news: Queue[str | None] = Queue()
        self.address = ""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.address = self.wait_for(_UP).group(1)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        assert self.process.stdout is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self._listener.join()
            self.process.stdout.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._news.put(line)
        self._news.put(None)

    def wait_for(self, pattern: re.Pattern[str], timeout: float = START_SECONDS) -> re.Match[str]:
        """Reads on until a line matches."""
        while True:
            try:
                line = self._news.get(timeout=timeout)
            except Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line like {pattern.pattern!r} in:\n{''.join(self.lines)}")
            if match := pattern.search(line):
                return match

    def processes(self, *words: str) -> list[psutil.Process]:
        """Finds the system's processes whose command lines hold all the words."""
        return list(self._find(words))

    def _find(self, words: tuple[str, ...]) -> Iterator[psutil.Process]:
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if all(word in line for word in words):
                yield process

    def gateway(self) -> psutil.Process:
        """Finds the gateway."""
        (found,) = self.processes("pullback.gateway")
        return found

    def worker(self) -> psutil.Process:
        """Finds the worker's main process."""
        found = self.processes("pullback.worker")
        pids = {process.pid for process in found}
        (main,) = (process for process in found if process.ppid() not in pids)
        return main

    def evaluators(self) -> list[psutil.Process]:
        """Finds the evaluators, without the template that they are forked from."""
        found = self.processes("pullback.evaluator")
        pids = {process.pid for process in found}
        return [process for process in found if process.ppid() in pids]

    def template(self) -> psutil.Process:
        """Finds the process that evaluators are forked from."""
        (found,) = {process.ppid() for process in self.evaluators()}
        return psutil.Process(found)

    def worker_children(self) -> list[psutil.Process]:
        """Finds the worker's prefork children."""
        main = self.worker()
        return [process for process in self.processes("pullback.worker") if process.ppid() == main.pid]
