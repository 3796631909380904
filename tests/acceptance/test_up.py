from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any, Self, final

import psutil
import pytest
import redis
from tests.acceptance.system import System

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How long anything may take on a busy machine, in seconds.
PATIENCE = 60.0

_UP = re.compile(r"^pullback is up on (127\.0\.0\.1:\d+)$")


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PULLBACK_")}


@final
class Up:
    """`pullback up` with stand-ins for gateway and worker, and the lines that it has printed."""

    def __init__(self, folder: Path, gateway: str = "", worker: str = "", **environment: str) -> None:
        program = Path(__file__).with_name("up_with_stand_ins.py")
        self.folder = folder
        self.lines: list[str] = []
        self._news: Queue[str | None] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, program, folder / "data", folder, gateway, worker],
            env={**_plain_environment(), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._news.put(line.rstrip("\n"))
        self._news.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.join(PATIENCE)

    def hear(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """Reads on until a line matches."""
        while (line := self._news.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line like {pattern!r} in {self.lines}")

    def end(self) -> int:
        """Reads to the end; gives the exit status."""
        while (line := self._news.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return self.process.wait(PATIENCE)

    def told(self, role: str) -> dict[str, Any]:
        """What the last stand-in of a role was started with, and its process id."""
        told: dict[str, Any] = json.loads((self.folder / f"{role}.json").read_text())
        return told

    def family(self) -> list[psutil.Process]:
        """All processes below `up`."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stopped(self) -> list[str]:
        """The stand-ins that were asked to stop and did, in order."""
        return (self.folder / "stopped").read_text().split()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts `up`; whatever a test leaves is killed."""
    running: list[Up] = []

    def run(gateway: str = "", worker: str = "", **environment: str) -> Up:
        running.append(Up(tmp_path, gateway, worker, **environment))
        return running[-1]

    yield run
    for up in running:
        up.__exit__()


def _all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, PATIENCE)
    return not alive


def test_up_says_what_it_starts_and_when_each_part_is_ready(start: Callable[..., Up]) -> None:
    """A user sees what runs where, that it is ready, how to try it, and how to stop it."""
    up = start()
    address = up.hear(_UP)[1]
    up.hear("stop it: +Ctrl-C")
    text = "\n".join(up.lines)
    assert re.search(
        r"starting redis: (Valkey|Redis) [\d.]+ on 127\.0\.0\.1:\d+, data in .*/data/redis\n", text
    )
    assert f"starting a worker with 2 slots on cpu, and a gateway on {address}" in up.lines
    assert text.index("redis is ready") < text.index("gateway is ready")
    assert f"gateway is ready: {address}" in up.lines
    assert "worker is ready: stand-in on cpu" in up.lines
    assert f'  try it:   pullback eval "y = x**2" x=3 --address {address}' in up.lines


def test_the_parts_are_told_what_they_need(start: Callable[..., Up]) -> None:
    """Both parts get the same working Redis; the worker its device and slots, the gateway its address."""
    up = start()
    address = up.hear(_UP)[1]
    worker, gateway = up.told("worker"), up.told("gateway")
    assert (worker["PULLBACK_DEVICE"], worker["PULLBACK_SLOTS"]) == ("cpu", "2")
    assert gateway["PULLBACK_LISTEN"] == address
    assert worker["PULLBACK_REDIS_URL"] == gateway["PULLBACK_REDIS_URL"]
    with redis.Redis.from_url(worker["PULLBACK_REDIS_URL"]) as client:
        assert client.ping()


def test_other_lines_of_the_parts_are_passed_on_with_their_name(start: Callable[..., Up]) -> None:
    """What a part says beside its ready line is shown as its own."""
    up = start()
    up.hear(_UP)
    assert "gateway | hello from the gateway" in up.lines
    assert "worker | hello from the worker" in up.lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_parts_in_order(start: Callable[..., Up], number: signal.Signals) -> None:
    """Gateway, worker and Redis stop one after the other, and the exit status is 0."""
    up = start()
    up.hear(_UP)
    family = up.family()
    up.process.send_signal(number)
    assert up.end() == 0
    assert up.stopped() == ["gateway", "worker"]
    assert up.lines[-3:] == ["gateway is stopped", "worker is stopped", "redis is stopped"]
    assert len(family) == 3
    assert _all_gone(family)


def test_a_second_ctrl_c_kills_at_once(start: Callable[..., Up]) -> None:
    """A part that does not want to stop is not waited for when the user asks again."""
    up = start(gateway="deaf")
    up.hear(_UP)
    family = up.family()
    up.process.send_signal(signal.SIGINT)
    up.hear("stopping; once more to kill")
    up.process.send_signal(signal.SIGINT)
    assert up.end() == 0
    assert "gateway is killed" in up.lines
    assert _all_gone(family)


def test_nothing_is_left_when_up_itself_is_killed(start: Callable[..., Up]) -> None:
    """After SIGKILL of `up` no part lives on."""
    up = start(gateway="deaf")
    up.hear(_UP)
    family = up.family()
    assert len(family) == 3
    up.process.kill()
    assert _all_gone(family)


def test_a_second_up_has_the_data_of_a_killed_first(start: Callable[..., Up]) -> None:
    """What Redis had acknowledged is there again, though nobody stopped it properly."""
    first = start()
    first.hear(_UP)
    with redis.Redis.from_url(first.told("worker")["PULLBACK_REDIS_URL"]) as client:
        client.set("key", "value")
    first.process.kill()
    second = start()
    second.hear(_UP)
    with redis.Redis.from_url(second.told("worker")["PULLBACK_REDIS_URL"]) as client:
        assert client.get("key") == b"value"


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_a_part_that_is_killed_comes_back(start: Callable[..., Up], role: str) -> None:
    """A lost part is said to be lost, and started again with the same settings."""
    up = start()
    up.hear(_UP)
    before = up.told(role)
    os.kill(before["pid"], signal.SIGKILL)
    up.hear(rf"^{role} died \(SIGKILL\); starting it again in 0\.2 s$")
    up.hear(f"^{role} is ready")
    after = up.told(role)
    assert after.pop("pid") != before.pop("pid")
    assert after == before


def test_redis_comes_back_under_the_same_url_with_its_data(start: Callable[..., Up]) -> None:
    """Gateway and worker need not be told: their Redis is where it was."""
    up = start()
    up.hear(_UP)
    with redis.Redis.from_url(up.told("worker")["PULLBACK_REDIS_URL"]) as client:
        client.set("key", "value")
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
        up.hear(r"^redis died \(SIGKILL\); starting it again")
        up.hear("^redis is ready")
        assert client.get("key") == b"value"


def test_a_part_that_keeps_dying_is_given_up(start: Callable[..., Up]) -> None:
    """After five quick deaths all is stopped; the exit status and the last line say what went wrong."""
    up = start(worker="frail")
    assert up.end() == 1
    assert sum("starting it again" in line for line in up.lines) == 4
    assert "worker died (exit status 1). The last that it said:" in up.lines
    assert up.lines[-1] == "    the worker is frail"
    assert up.stopped() == ["gateway"]


def test_a_part_that_cannot_start_ends_all(start: Callable[..., Up]) -> None:
    """What never was ready is not tried again; the user hears why, and nothing is left running."""
    up = start(gateway="broken")
    assert up.end() == 1
    assert "gateway died before it was ready (exit status 1). The last that it said:" in up.lines
    assert up.lines[-1] == "    the gateway is broken"
    assert "redis is stopped" in up.lines


def test_a_second_up_on_the_same_data_is_refused(start: Callable[..., Up]) -> None:
    """The error names the process that is there already; that one runs on."""
    first = start()
    first.hear(_UP)
    second = start()
    assert second.end() == 1
    assert f"is in use by process {first.process.pid}:" in second.lines[-1]
    assert len(first.family()) == 3


def test_a_redis_that_runs_already_is_used(start: Callable[..., Up], redis_url: str) -> None:
    """With PULLBACK_REDIS_URL no Redis is started, and its password is not shown."""
    up = start(PULLBACK_REDIS_URL=redis_url)
    up.hear(_UP)
    place = redis_url.partition("@")[2]
    assert up.lines[0] == f"using the Redis of PULLBACK_REDIS_URL, redis://{place}; starting none"
    assert up.told("worker")["PULLBACK_REDIS_URL"] == redis_url
    assert len(up.family()) == 2
    assert not (up.folder / "data").exists()


def test_a_setting_that_names_no_server_is_an_error(start: Callable[..., Up]) -> None:
    """A wrong PULLBACK_REDIS_SERVER is said to be wrong, and nothing is started."""
    up = start(PULLBACK_REDIS_SERVER="/nowhere/redis-server")
    assert up.end() == 1
    assert up.lines == ["pullback up: PULLBACK_REDIS_SERVER: /nowhere/redis-server is not an executable file"]


def test_a_redis_that_does_not_answer_ends_all(start: Callable[..., Up]) -> None:
    """Nothing is started on a PULLBACK_REDIS_URL where nobody is."""
    up = start(PULLBACK_REDIS_URL="redis://:secret@127.0.0.1:1/0")
    assert up.end() == 1
    assert up.lines[1].startswith("pullback up: no Redis answers at redis://127.0.0.1:1/0, ")
    assert "secret" not in "".join(up.lines)
    assert list(up.folder.iterdir()) == []


def test_the_environments_device_and_host_are_passed_on(start: Callable[..., Up]) -> None:
    """`--port` and `--workers` replace the port and the slots, and nothing else."""
    up = start(PULLBACK_DEVICE="cuda", PULLBACK_LISTEN="0.0.0.0:7000", PULLBACK_SLOTS="7")
    up.hear(r"^pullback is up on 0\.0\.0\.0:(\d+)$")
    assert (up.told("worker")["PULLBACK_DEVICE"], up.told("worker")["PULLBACK_SLOTS"]) == ("cuda", "2")
    host, _, port = up.told("gateway")["PULLBACK_LISTEN"].partition(":")
    assert host == "0.0.0.0"  # noqa: S104 - compared, not bound
    assert port != "7000"


def test_the_real_parts_come_up_and_stop_without_a_trace(tmp_path: Path) -> None:
    """`pullback up` as a user runs it: all parts ready, then a clean end, and no process left."""
    with System(tmp_path) as system:
        family = psutil.Process(system.process.pid).children(recursive=True)
        assert system.gateway() in family
        assert system.worker() in family
        system.process.send_signal(signal.SIGINT)
        assert system.process.wait(PATIENCE) == 0
    assert _all_gone(family)


def test_the_real_parts_leave_no_trace_when_up_is_killed(tmp_path: Path) -> None:
    """After SIGKILL of `up` no gateway, worker, evaluator or Redis lives on."""
    with System(tmp_path) as system:
        family = psutil.Process(system.process.pid).children(recursive=True)
        system.process.kill()
        assert _all_gone(family)
