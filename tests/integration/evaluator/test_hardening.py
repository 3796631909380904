from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from pullback.contract.errors import LimitExceeded
from pullback.contract.lifecycle import Event
from pullback.contract.limits import DEFAULT_LIMITS, Limits
from pullback.contract.status import from_status
from pullback.contract.tensors import decode, encode
from pullback.evaluator import Evaluator, EvaluatorDied, Isolator, Job, Template
from pullback.evaluator.exits import Exit
from pullback.evaluator.hardening.protections import Protection
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import NoReturn

TRYING = Path(__file__).with_name("trying_template.py")

# Found in the memory of a process that was ever given it. Made at run time, or a module's text might hold it.
SECRET = f"pullback-secret-{os.getpid()}"

REFUSED = f"errno {errno.EACCES}"
UNKNOWN = f"errno {errno.ENOSYS}"


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    """A template whose evaluators try things."""
    with Template(device="cpu", worker="here", program=[str(TRYING)]) as template:
        yield template


@pytest.fixture
def evaluator(template: Template, missing: Callable[[str], NoReturn]) -> Iterator[Evaluator]:
    """A hardened evaluator; without a filter, as at a desk without libseccomp, there is nothing to test."""
    with Evaluator.connect(template.address) as evaluator:
        if Protection.SECCOMP not in evaluator.protections.on:
            missing(f"protections: {evaluator.protections}")
        yield evaluator


def job(program: str, outputs: Sequence[str] = (), **inputs: np.ndarray) -> Job:
    """A job of this program."""
    tensors = {name: encode(each) for name, each in inputs.items()}
    evaluation = pb.Evaluation(program=program, inputs=tensors, outputs=outputs)
    return Job(program, evaluation.SerializeToString(), 0, round(time.time() * 1_000) + 60_000)


def attempt(evaluator: Evaluator, what: str) -> str:
    """Gives what the evaluator says of its attempt."""
    (outcome,) = evaluator.evaluate([job(what)], timeout=60)
    return gradient_pb2.EvaluateOutcome.FromString(outcome.message).result.printed


def test_all_protections_are_on(evaluator: Evaluator) -> None:
    """On a machine with libseccomp an evaluator has every protection that a worker may ask for."""
    assert evaluator.protections.lacking == ()
    status = Path(f"/proc/{evaluator.pid}/status").read_text()
    values = dict(line.split(":\t", 1) for line in status.splitlines())
    assert values["NoNewPrivs"] == "1"
    assert values["Seccomp"] == "2"
    assert int(values["CapEff"], 16) == 0
    assert values["Uid"].split()[0] != "0"


def test_a_hardened_evaluator_has_a_session_of_its_own(evaluator: Evaluator) -> None:
    """It is in nobody's group, so that a signal to a group reaches it alone."""
    uid = 65_534 if os.getuid() == 0 else os.getuid()
    assert attempt(evaluator, "ids") == f"{uid} True True"


@pytest.mark.parametrize("what", ["nothing", "thread", "executable page"])
def test_what_a_computation_needs_is_allowed(evaluator: Evaluator, what: str) -> None:
    """Threads of its own and code made at run time are what libraries of kernels use."""
    assert attempt(evaluator, what) == "None"


@pytest.mark.parametrize("what", ["open", "write", "environ", "parent", "list", "stat"])
def test_files_are_refused(evaluator: Evaluator, what: str) -> None:
    """No file can be opened, made, listed or looked at; the process goes on."""
    assert attempt(evaluator, what) == REFUSED
    assert attempt(evaluator, "nothing") == "None"


def test_an_unknown_call_is_refused_as_unknown(evaluator: Evaluator) -> None:
    """A library that tries a call of a later kernel goes on as it would on an earlier one."""
    assert attempt(evaluator, "future") == UNKNOWN


@pytest.mark.parametrize(
    "what",
    [
        "socket", "unix socket", "fork", "exec", "kill parent", "kill all", "ptrace", "unshare", "io_uring", "root",
    ],
)  # fmt: skip
def test_an_attack_ends_the_process(evaluator: Evaluator, what: str) -> None:
    """What no computation asks for is not only refused: whoever asks is stopped, and it is known that he asked."""
    with pytest.raises(EvaluatorDied) as caught:
        evaluator.evaluate([job(what)], timeout=60)
    assert caught.value.exitcode == -signal.SIGSYS


def test_bounds_cannot_be_raised(evaluator: Evaluator) -> None:
    """The bounds are hard ones."""
    assert attempt(evaluator, "raise files") in {REFUSED, UNKNOWN, f"errno {errno.EPERM}"}


def test_memory_is_bounded(evaluator: Evaluator) -> None:
    """Address space beyond the limits of a job is refused."""
    assert attempt(evaluator, "memory") == f"errno {errno.ENOMEM}"


def test_an_evaluator_without_memory_says_so_by_its_exit_code(evaluator: Evaluator) -> None:
    """A process that cannot even answer ends in a way that tells why."""
    with pytest.raises(EvaluatorDied) as caught:
        evaluator.evaluate([job("objects"), job("nothing")], timeout=60)
    assert caught.value.exitcode == Exit.OUT_OF_MEMORY


@pytest.mark.parametrize(("what", "number"), [("abort", signal.SIGABRT), ("overflow", signal.SIGSEGV)])
def test_a_crash_stays_a_crash(evaluator: Evaluator, what: str, number: signal.Signals) -> None:
    """The filter does not hide how native code ends."""
    with pytest.raises(EvaluatorDied) as caught:
        evaluator.evaluate([job(what)], timeout=60)
    assert caught.value.exitcode == -number


WORKER = """
import os, sys
from pullback.evaluator import Evaluator, Template
template = Template(device="cpu", worker="there", program=[sys.argv[1]])
template.start()
evaluator = Evaluator.connect(template.address)
print(template.pid, evaluator.pid, flush=True)
sys.stdin.read()
"""


def test_no_secret_of_the_worker_is_in_any_memory() -> None:
    """Neither template nor evaluator ever held what is in the worker's environment; the worker itself has it."""
    if os.getuid() != 0:
        pytest.skip("only root can read another process's memory")
    environment = {**os.environ, "PULLBACK_REDIS_URL": f"redis://:{SECRET}@localhost/0"}
    command = [sys.executable, "-c", WORKER, str(TRYING)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        template, evaluator = map(int, worker.stdout.readline().split())
        try:
            assert holds(worker.pid, SECRET)
            assert not holds(template, SECRET)
            assert not holds(evaluator, SECRET)
        finally:
            worker.kill()


def holds(pid: int, secret: str) -> bool:
    """Tells whether a process has a text anywhere in its writable memory, its environment included."""
    mark = secret.encode()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            begin, end = (int(each, 16) for each in span.split("-"))
            memory.seek(begin)
            found = b""
            while begin < end and (piece := memory.read(min(end - begin, 1 << 20))):
                found = found[-len(mark) :] + piece
                if mark in found:
                    return True
                begin += len(piece)
    return False


@pytest.fixture(scope="module")
def real() -> Iterator[Template]:
    """A template with torch and the engine."""
    with Template(device="cpu", worker="here") as template:
        yield template


def test_the_real_evaluator_has_nothing_but_its_connection(real: Template) -> None:
    """Descriptors and environment of a process with torch loaded: nothing of the worker's, and no way to Redis."""
    with Evaluator.connect(real.address) as evaluator:
        for pid in (real.pid, evaluator.pid):
            assert b"PULLBACK" not in Path(f"/proc/{pid}/environ").read_bytes()
            assert b"redis" not in Path(f"/proc/{pid}/environ").read_bytes()
        targets = [str(fd.readlink()).partition(":")[0] for fd in Path(f"/proc/{evaluator.pid}/fd").iterdir()]
        assert sorted(targets) == ["/dev/null", "/dev/null", "pipe", "socket"]
        assert psutil.Process(evaluator.pid).net_connections("inet") == []


def test_the_biggest_inputs_that_are_allowed_fit(real: Template) -> None:
    """64 MiB in, and a value and gradients of nearly 64 MiB back, stay within the bound on memory."""
    elements = DEFAULT_LIMITS.input_bytes // 8 - 16
    with Evaluator.connect(real.address) as evaluator:
        (outcome,) = evaluator.evaluate([job("y = (x * x).sum()", x=np.ones(elements))], timeout=60)
    assert outcome.event is Event.SUCCEED
    result = gradient_pb2.EvaluateOutcome.FromString(outcome.message).result
    np.testing.assert_array_equal(decode(result.gradients["x"]), np.full(elements, 2.0))


def test_memory_that_neighbours_took_is_no_fault_of_a_job() -> None:
    """Jobs that fit one by one and not all at once are all answered, though not all at once."""
    bytes_each = 8 * 2**20
    limits = Limits(live_bytes=5 * bytes_each, input_bytes=bytes_each, result_bytes=bytes_each)
    program = f"y = torch.ones({bytes_each // 4 - 64}) * x\ny.sum().backward()\n"
    jobs = [job(f"{program}v{number} = 1.0", ["y"], x=np.array(2.0)) for number in range(24)]
    with (
        Template(device="cpu", worker="here", limits=limits) as template,
        Isolator(lambda: Evaluator.connect(template.address)) as isolator,
    ):
        groups = list(isolator.run(jobs))
    assert len(groups) > 1
    assert [outcome.event for group in groups for outcome in group] == [Event.SUCCEED] * len(jobs)


def test_a_job_that_needs_too_much_memory_is_told(real: Template) -> None:
    """Alone, it gets RESOURCE_EXHAUSTED, and the next job a result."""
    with Isolator(lambda: Evaluator.connect(real.address)) as isolator:
        names = "abcdefghijklmnopqrstuvwxyz"
        hungry = job("\n".join(f"{name} = x * 2.0" for name in names), x=np.ones(2**25))
        (outcome,) = next(iter(isolator.run([hungry])))
        assert isinstance(
            from_status(gradient_pb2.EvaluateOutcome.FromString(outcome.message).error), LimitExceeded
        )
        (outcome,) = next(iter(isolator.run([job("y = x * x", x=np.array(3.0))])))
        assert outcome.event is Event.SUCCEED
