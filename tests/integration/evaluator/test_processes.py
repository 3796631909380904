from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pullback.evaluator import Evaluator, EvaluatorDied, EvaluatorTimedOut, EvaluatorUnavailable, Template
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from pullback.evaluator import Job

    class _Watch(Protocol):
        def ended(self, within_ms: int = ...) -> bool: ...

    class _Gate(Protocol):
        program: str

        def wait(self) -> None: ...

    MakeJob = Callable[..., Job]
    MakeWatch = Callable[[int], _Watch]
    MakeTemplate = Callable[..., Template]


def printed(message: bytes) -> str:
    """Reads what the stub printed."""
    return gradient_pb2.EvaluateOutcome.FromString(message).result.printed


def test_an_evaluator_answers_batch_after_batch(evaluator: Evaluator, make_job: MakeJob) -> None:
    """Batches of any size go through one process, in order."""
    for size in (1, 3, 0, 500):
        outcomes = evaluator.evaluate([make_job(f"y = {number}") for number in range(size)])
        assert [printed(each.message) for each in outcomes] == [f"y = {number}" for number in range(size)]
    assert evaluator.alive


def test_each_connection_has_a_process_of_its_own(template: Template, make_job: MakeJob) -> None:
    """Evaluators are children of the template, and the death of one is nothing to another."""
    with Evaluator.connect(template.address) as first, Evaluator.connect(template.address) as second:
        children = {child.pid for child in psutil.Process(template.pid).children()}
        assert children == {first.pid, second.pid}
        with pytest.raises(EvaluatorDied):
            first.evaluate([make_job("crash SIGSEGV")])
        assert printed(second.evaluate([make_job("x")])[0].message) == "x"


@pytest.mark.parametrize(
    ("program", "exitcode"),
    [("crash SIGSEGV", -signal.SIGSEGV), ("crash SIGKILL", -signal.SIGKILL), ("exit 3", 3)],
)
def test_a_death_is_reported_with_its_exit_code(
    template: Template, evaluator: Evaluator, make_job: MakeJob, program: str, exitcode: int
) -> None:
    """The drain learns how its evaluator ended, and no zombie is left."""
    with pytest.raises(EvaluatorDied) as caught:
        evaluator.evaluate([make_job("x"), make_job(program), make_job("y")])
    assert caught.value.exitcode == exitcode
    assert not evaluator.alive
    assert psutil.Process(template.pid).children() == []


def test_an_evaluator_killed_within_a_batch_is_noticed(
    evaluator: Evaluator, make_job: MakeJob, gate: _Gate
) -> None:
    """A SIGKILL from anywhere ends the wait for the batch."""
    with ThreadPoolExecutor() as pool:
        batch = pool.submit(evaluator.evaluate, [make_job(gate.program)])
        gate.wait()
        os.kill(evaluator.pid, signal.SIGKILL)
        error = batch.exception()
    assert isinstance(error, EvaluatorDied)
    assert error.exitcode == -signal.SIGKILL


def test_an_evaluator_killed_between_batches_is_noticed(
    evaluator: Evaluator, make_job: MakeJob, watch: MakeWatch
) -> None:
    """A batch that is given to a dead evaluator ends with its exit code."""
    process = watch(evaluator.pid)
    os.kill(evaluator.pid, signal.SIGKILL)
    assert process.ended()
    with pytest.raises(EvaluatorDied) as caught:
        evaluator.evaluate([make_job("x")])
    assert caught.value.exitcode == -signal.SIGKILL
    assert not evaluator.alive


def test_a_batch_that_takes_too_long_is_killed(
    evaluator: Evaluator, make_job: MakeJob, watch: MakeWatch
) -> None:
    """A process that hangs in native code, with Python's lock held, ends at the time limit."""
    process = watch(evaluator.pid)
    with pytest.raises(EvaluatorTimedOut):
        evaluator.evaluate([make_job("hang")], timeout=0.05)
    assert process.ended()


def test_kill_ends_a_batch_from_another_thread(
    evaluator: Evaluator, make_job: MakeJob, watch: MakeWatch, gate: _Gate
) -> None:
    """To kill wakes the thread that waits for the batch, and ends the process."""
    process = watch(evaluator.pid)
    with ThreadPoolExecutor() as pool:
        batch = pool.submit(evaluator.evaluate, [make_job(gate.program)])
        gate.wait()
        evaluator.kill()
        assert isinstance(batch.exception(), EvaluatorDied)
    evaluator.kill()
    assert process.ended()


def test_an_idle_evaluator_ends_with_its_handle(template: Template, watch: MakeWatch) -> None:
    """An evaluator lives no longer than its connection."""
    with Evaluator.connect(template.address) as evaluator:
        process = watch(evaluator.pid)
    assert process.ended()


DRAIN = """
import sys
from pullback.evaluator import Evaluator, Job
from pullback.v1 import evaluation_pb2 as pb
evaluator = Evaluator.connect(bytes.fromhex(sys.argv[1]))
print(evaluator.pid, flush=True)
evaluator.evaluate([Job("a", pb.Evaluation(program=sys.argv[2]).SerializeToString(), 0, 0)])
"""


def test_a_drain_that_is_killed_leaves_no_process_behind(
    template: Template, watch: MakeWatch, gate: _Gate
) -> None:
    """The SIGKILL of a drain ends its evaluator too, whatever that is doing."""
    command = [sys.executable, "-c", DRAIN, template.address.hex(), gate.program]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as drain:
        assert drain.stdout is not None
        process = watch(int(drain.stdout.readline()))
        gate.wait()
        drain.kill()
        assert process.ended()


WORKER = """
import sys
from pullback.evaluator import Evaluator, Template
template = Template(device="cpu", worker="there", program=[sys.argv[1]])
template.start()
evaluator = Evaluator.connect(template.address)
print(template.pid, evaluator.pid, flush=True)
sys.stdin.read()
"""


def test_a_worker_that_is_killed_takes_its_template_along(watch: MakeWatch) -> None:
    """The SIGKILL of the worker ends the template and all evaluators."""
    stub = Path(__file__).with_name("stub_template.py")
    command = [sys.executable, "-c", WORKER, str(stub)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        processes = [watch(int(pid)) for pid in worker.stdout.readline().split()]
        worker.kill()
        assert all(process.ended() for process in processes)


def test_a_template_that_dies_takes_its_evaluators_along(
    template: Template, make_job: MakeJob, watch: MakeWatch, gate: _Gate
) -> None:
    """The SIGKILL of the template ends every evaluator, and every drain hears of it."""
    assert template.pid is not None
    with Evaluator.connect(template.address) as busy, Evaluator.connect(template.address) as idle:
        processes = [watch(busy.pid), watch(idle.pid)]
        with ThreadPoolExecutor() as pool:
            batch = pool.submit(busy.evaluate, [make_job(gate.program)])
            gate.wait()
            os.kill(template.pid, signal.SIGKILL)
            error = batch.exception()
        assert isinstance(error, EvaluatorDied)
        assert error.exitcode is None
        assert all(process.ended() for process in processes)
        assert not idle.alive


def test_a_template_that_died_is_started_again(
    template: Template, make_job: MakeJob, watch: MakeWatch
) -> None:
    """A drain that connects while there is no template gets its evaluator from the next one, at the same address."""
    assert not template.restart_if_dead()
    assert template.pid is not None
    process = watch(template.pid)
    os.kill(template.pid, signal.SIGKILL)
    assert process.ended()
    with ThreadPoolExecutor() as pool:
        connection = pool.submit(Evaluator.connect, template.address)
        assert template.restart_if_dead()
        with connection.result() as evaluator:
            assert printed(evaluator.evaluate([make_job("x")])[0].message) == "x"


def test_stop_ends_everything(make_template: MakeTemplate, watch: MakeWatch) -> None:
    """A template that is stopped ends its evaluators and frees its address."""
    template = make_template()
    assert template.pid is not None
    with Evaluator.connect(template.address) as evaluator:
        processes = [watch(template.pid), watch(evaluator.pid)]
        template.stop()
        assert all(process.ended() for process in processes)
        with pytest.raises(EvaluatorUnavailable, match="no template"):
            Evaluator.connect(template.address)


def test_a_template_ends_without_a_word(
    make_template: MakeTemplate, capfd: pytest.CaptureFixture[str]
) -> None:
    """An evaluator that ends while its template does leaves no traceback behind."""
    make_template().stop()
    assert capfd.readouterr().err == ""


def test_the_environment_holds_nothing_of_the_workers(template: Template, evaluator: Evaluator) -> None:
    """Template and evaluator see a handful of variables, and none of the worker's."""
    for pid in (template.pid, evaluator.pid):
        content = Path(f"/proc/{pid}/environ").read_bytes()
        names = {line.partition(b"=")[0] for line in content.split(b"\0") if line}
        assert names <= {b"LANG", b"PATH", b"MKL_NUM_THREADS", b"OMP_NUM_THREADS", b"OPENBLAS_NUM_THREADS"}
        assert b"secret" not in content


def test_an_evaluator_has_one_descriptor_beside_the_standard_ones(
    template: Template, evaluator: Evaluator
) -> None:
    """It inherits neither the worker's connections, nor the listening socket, nor another evaluator's."""
    with socket.create_server(("127.0.0.1", 0)), Evaluator.connect(template.address) as last:
        targets = {fd.name: str(fd.readlink()) for fd in Path(f"/proc/{last.pid}/fd").iterdir()}
    assert targets.pop("0") == "/dev/null"
    assert targets.pop("1") == "/dev/null"
    del targets["2"]
    assert [target.partition(":")[0] for target in targets.values()] == ["socket"]
    assert evaluator.alive


def test_a_device_that_does_not_start_is_told(make_template: MakeTemplate) -> None:
    """The reason why an evaluator is not ready comes with the refusal."""
    template = make_template("cuda")
    with pytest.raises(EvaluatorUnavailable, match="there is no cuda"):
        Evaluator.connect(template.address)


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "print('hello')", "import sys; sys.stdin.read()"])
def test_a_template_that_does_not_start_is_told(code: str) -> None:
    """A process that ends, or says something else, is no template."""
    template = Template(device="cpu", worker="here", program=["-c", code])
    with pytest.raises(EvaluatorUnavailable, match="did not become ready"), template:
        raise AssertionError("unreachable")
    assert template.pid is None


def test_a_silent_template_is_given_up() -> None:
    """A template that never says that it is ready is ended after the time it has."""
    template = Template(device="cpu", worker="here", program=["-c", "import signal; signal.pause()"])
    with pytest.raises(EvaluatorUnavailable, match="did not become ready"):
        template.start(timeout=0.05)
    assert template.pid is None
    template.stop()


def test_an_evaluator_that_is_not_ready_in_time_is_given_up(template: Template) -> None:
    """A template that does not fork is not waited for beyond the time given."""
    assert template.pid is not None
    os.kill(template.pid, signal.SIGSTOP)
    try:
        with pytest.raises(EvaluatorUnavailable, match="not become ready"):
            Evaluator.connect(template.address, timeout=0.05)
    finally:
        os.kill(template.pid, signal.SIGCONT)


STRANGER = """
import os, socket, sys
os.setuid(65_534)
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
    sock.connect(bytes.fromhex(sys.argv[1]))
    sys.exit(len(sock.recv(1)))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_other_users_are_refused(template: Template) -> None:
    """A connection of another user is closed without a word."""
    command = [sys.executable, "-I", "-S", "-c", STRANGER, template.address.hex()]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_dead_evaluator_does_not_leak_descriptors(template: Template, make_job: MakeJob) -> None:
    """However many evaluators come and go, the template holds what it held before."""

    def count() -> int:
        return len(list(Path(f"/proc/{template.pid}/fd").iterdir()))

    def crash() -> None:
        with Evaluator.connect(template.address) as evaluator, pytest.raises(EvaluatorDied):
            evaluator.evaluate([make_job("exit 1")])

    # An epitaph is sent before its descriptor is closed: the hello of one more evaluator shows that it was.
    crash()
    with Evaluator.connect(template.address):
        before = count()
    for _ in range(10):
        crash()
    with Evaluator.connect(template.address):
        assert count() == before


def test_a_time_limit_holds_for_its_own_batch(evaluator: Evaluator, make_job: MakeJob) -> None:
    """A batch within its limit is answered, and so is the next, which has none."""
    for timeout in (30, None):
        assert printed(evaluator.evaluate([make_job("x")], timeout=timeout)[0].message) == "x"


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_time_limit_that_has_passed_is_one(evaluator: Evaluator, make_job: MakeJob, timeout: float) -> None:
    """A batch without any time left is not waited for."""
    with pytest.raises(EvaluatorTimedOut):
        evaluator.evaluate([make_job("x")], timeout=timeout)
