from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pullback.contract.errors import (
    DeadlineExceeded,
    InternalFault,
    InvalidArgument,
    LimitExceeded,
    ProgramError,
    PullbackError,
)
from pullback.contract.lifecycle import Event
from pullback.contract.status import from_status
from pullback.evaluator import Evaluator, EvaluatorDied, EvaluatorUnavailable, Job, frames
from pullback.evaluator.errors import EvaluatorRetired
from pullback.evaluator.exits import Exit
from pullback.evaluator.frames import FrameError, Kind
from pullback.evaluator.hardening import Protections
from pullback.evaluator.hardening.protections import Protection
from pullback.evaluator.serve import Compute, Retired, Tainted, serve
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1 import gradient_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Unconfined:
    """Confines nothing, since a thread shares its process with the tests; tells when it would have."""

    protections = Protections((Protection.RLIMITS,), ((Protection.SECCOMP, "a test"),))

    def __init__(self) -> None:
        self.confined = False

    def confine(self) -> None:
        """Remembers that it was called."""
        self.confined = True


class Engine:
    """Computes with a given function, evaluation by evaluation."""

    def __init__(
        self, compute: Callable[[pb.Evaluation], pb.Result | PullbackError], changes: Callable[[], str] = str
    ) -> None:
        self._compute = compute
        self._changes = changes
        self.batch_sizes: list[int] = []

    def start(self) -> Compute:
        """Makes itself ready."""
        return Compute("0+test", self.evaluate_many, self._changes)

    def evaluate_many(self, evaluations: Sequence[pb.Evaluation]) -> Sequence[pb.Result | PullbackError]:
        """Computes one after the other."""
        self.batch_sizes.append(len(evaluations))
        return [self._compute(each) for each in evaluations]


@contextmanager
def evaluator(engine: Engine) -> Iterator[Evaluator]:
    """An evaluator whose process is a thread of this one."""
    near, far = socket.socketpair()
    with far:
        thread = threading.Thread(target=serve, args=(far, engine.start, Unconfined()))
        thread.start()
        with Evaluator(near) as handle:
            yield handle
        thread.join()


def job(name: str, program: str = "", accept_ms: int = 0) -> Job:
    """A job without a deadline to speak of."""
    return Job(name, pb.Evaluation(program=program).SerializeToString(), accept_ms, deadline_ms=2**50)


def parse(message: bytes) -> gradient_pb2.EvaluateOutcome:
    """Reads an outcome as a gateway would."""
    return gradient_pb2.EvaluateOutcome.FromString(message)


def error_of(message: bytes) -> PullbackError | None:
    """Reads an outcome's error as a client would."""
    return from_status(parse(message).error)


def printing(evaluation: pb.Evaluation) -> pb.Result | PullbackError:
    """Gives the program back as its output."""
    return pb.Result(printed=evaluation.program)


def test_results_come_in_order_with_their_jobs_ids() -> None:
    """A batch is answered by one outcome per job, in order, from one call of the engine."""
    engine = Engine(printing)
    jobs = [job(str(number), f"y = {number}") for number in range(300)]
    with evaluator(engine) as handle:
        outcomes = handle.evaluate(jobs)
    assert [outcome.job_id for outcome in outcomes] == [each.id for each in jobs]
    assert {outcome.event for outcome in outcomes} == {Event.SUCCEED}
    assert [parse(outcome.message).result.printed for outcome in outcomes] == [f"y = {n}" for n in range(300)]
    assert engine.batch_sizes == [300]


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_383, 16_384, 3_000_000])
def test_a_result_of_any_size_is_a_whole_outcome(size: int) -> None:
    """The outcome around a result parses to that result, whatever the length of its encoding."""
    tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_UINT8, shape=[size], data=b"\x05" * size)
    with evaluator(Engine(lambda _: pb.Result(values={"y": tensor}))) as handle:
        outcome = parse(handle.evaluate([job("a")])[0].message)
    assert outcome.WhichOneof("outcome") == "result"
    assert outcome.result.values["y"] == tensor


def test_timings_are_filled() -> None:
    """The acceptance is the job's, to the millisecond, and the start is not after the finish."""
    with evaluator(Engine(printing)) as handle:
        timings = parse(handle.evaluate([job("a", accept_ms=1_700_000_000_123)])[0].message).result.timings
    assert timings.accept_time.ToMilliseconds() == 1_700_000_000_123
    assert timings.accept_time.ToNanoseconds() < timings.start_time.ToNanoseconds()
    assert timings.start_time.ToNanoseconds() <= timings.finish_time.ToNanoseconds()


def test_equal_results_are_equal_bytes() -> None:
    """The order in which an engine fills a map does not show in the result's encoding."""
    names = [f"x{number}" for number in range(40)]

    def shuffled(evaluation: pb.Evaluation) -> pb.Result:
        result = pb.Result()
        for name in names if evaluation.program else reversed(names):
            result.values[name].dtype = tensor_pb2.DATA_TYPE_BOOL
        return result

    with evaluator(Engine(shuffled)) as handle:
        outcomes = [parse(outcome.message) for outcome in handle.evaluate([job("a"), job("b", "y")])]
    for outcome in outcomes:
        outcome.result.ClearField("timings")
    first, second = (outcome.result.SerializeToString() for outcome in outcomes)
    assert first == second


def test_an_error_of_the_engine_is_the_jobs_own() -> None:
    """An evaluation that is refused fails with its error, and its neighbours succeed."""

    def refuse_b(evaluation: pb.Evaluation) -> pb.Result | PullbackError:
        return ProgramError("no", metadata={"line": "1"}) if evaluation.program == "b" else pb.Result()

    with evaluator(Engine(refuse_b)) as handle:
        outcomes = handle.evaluate([job("1", "a"), job("2", "b"), job("3", "c")])
    assert [outcome.event for outcome in outcomes] == [Event.SUCCEED, Event.FAIL, Event.SUCCEED]
    error = error_of(outcomes[1].message)
    assert isinstance(error, ProgramError)
    assert error.metadata == {"line": "1"}


def test_bytes_that_are_no_evaluation_fail_alone() -> None:
    """A blob that does not parse is an INVALID_ARGUMENT of its own job, and never reaches the engine."""
    engine = Engine(printing)
    with evaluator(engine) as handle:
        outcomes = handle.evaluate([job("1"), Job("2", b"\xff\xff", 0, 0), job("3", "c")])
    assert [outcome.event for outcome in outcomes] == [Event.SUCCEED, Event.FAIL, Event.SUCCEED]
    assert isinstance(error_of(outcomes[1].message), InvalidArgument)
    assert parse(outcomes[2].message).result.printed == "c"
    assert engine.batch_sizes == [2]


def test_a_bug_of_the_engine_fails_one_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    """An exception out of the engine is INTERNAL for the evaluation that causes it, says nothing, and is logged."""

    def fail_on_b(evaluation: pb.Evaluation) -> pb.Result:
        if evaluation.program == "b":
            raise ZeroDivisionError("secret detail")
        return pb.Result(printed=evaluation.program)

    with evaluator(Engine(fail_on_b)) as handle:
        outcomes = handle.evaluate([job("1", "a"), job("2", "b"), job("3", "c")])
    assert [outcome.event for outcome in outcomes] == [Event.SUCCEED, Event.FAIL, Event.SUCCEED]
    assert isinstance(error_of(outcomes[1].message), InternalFault)
    assert b"secret" not in outcomes[1].message
    assert "secret detail" in caplog.text


def test_an_engine_that_does_not_start_says_why() -> None:
    """The reason why the device is not there reaches whoever connects."""

    def start() -> Compute:
        raise RuntimeError("no driver")

    near, far = socket.socketpair()
    with far:
        serve(far, start, Unconfined())
        with pytest.raises(EvaluatorUnavailable, match="no driver"):
            Evaluator(near)


def test_the_handle_knows_pid_and_version() -> None:
    """Hello tells the process id and the version of the engine."""
    with evaluator(Engine(printing)) as handle:
        assert handle.pid > 0
        assert handle.engine == "0+test"
        assert handle.protections == Unconfined.protections


def test_an_evaluator_is_confined_before_it_reads_a_job() -> None:
    """The engine starts first, for a driver needs its files; then the process is confined, and then it says hello."""
    confinement = Unconfined()
    near, far = socket.socketpair()

    def start() -> Compute:
        assert not confinement.confined
        return Engine(printing).start()

    with near, far:
        near.shutdown(socket.SHUT_WR)
        serve(far, start, confinement)
        assert confinement.confined
        hello = frames.Reader(near).read()
        assert hello is not None
        assert hello.tags[1] == frames.READY


def test_an_evaluator_that_cannot_be_confined_is_none() -> None:
    """Where a protection fails to come on, the process says so and takes no job."""

    class Broken(Unconfined):
        def confine(self) -> None:
            raise PermissionError("no filter")

    near, far = socket.socketpair()
    with far:
        serve(far, Engine(printing).start, Broken())
        with pytest.raises(EvaluatorUnavailable, match="no filter"):
            Evaluator(near)


def served(jobs: list[Job], engine: Engine) -> tuple[frames.Frame | None, type[BaseException] | None]:
    """Gives the answer to one batch, and what ended the evaluator after it."""
    near, far = socket.socketpair()
    with near, far:
        frames.send(near, frames.pack(Kind.BATCH, [(0, (each.evaluation,)) for each in jobs]))
        near.shutdown(socket.SHUT_WR)
        end: type[BaseException] | None = None
        try:
            serve(far, engine.start, Unconfined())
        except (Retired, Tainted) as error:
            end = type(error)
        far.shutdown(socket.SHUT_WR)
        reader = frames.Reader(near)
        reader.read()  # its hello
        return reader.read(), end


def test_a_job_that_changes_the_process_is_answered_and_its_evaluator_ends() -> None:
    """What a job computed before it was found to have changed things is right; the next job gets another process."""
    answer, end = served([job("a", "x")], Engine(printing, lambda: "default dtype"))
    assert answer is not None
    assert parse(answer.blobs[0]).result.printed == "x"
    assert end is Retired


def test_a_batch_that_changes_the_process_is_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody knows which of its jobs came before the change, so that none counts; the log says what changed."""
    answer, end = served([job("a"), job("b")], Engine(printing, lambda: "default dtype"))
    assert answer is None
    assert end is Tainted
    assert "default dtype" in caplog.text


def test_an_evaluator_without_memory_ends_after_its_answer() -> None:
    """A job for which there was no memory is answered with a tag of its own, and the process takes no other job."""

    def starve(evaluation: pb.Evaluation) -> pb.Result | PullbackError:
        return LimitExceeded("no", metadata={"limit": "memory"}) if evaluation.program else pb.Result()

    answer, end = served([job("a"), job("b", "x")], Engine(starve))
    assert answer is not None
    assert list(answer.tags) == [frames.SUCCEEDED, frames.STARVED]
    assert end is Retired


@pytest.mark.parametrize(("neighbours", "event"), [(0, Event.FAIL), (1, Event.LOSE)])
def test_a_job_that_starves_in_company_may_be_tried_alone(neighbours: int, event: Event) -> None:
    """Want of memory is a job's own fault only where it had the process to itself."""
    near, far = socket.socketpair()
    with far:
        frames.send(far, frames.pack(Kind.HELLO, [(1, ()), (frames.READY, ())]))
        with Evaluator(near) as handle:
            tags = [frames.STARVED] + [frames.SUCCEEDED] * neighbours
            frames.send(far, frames.pack(Kind.OUTCOMES, [(tag, ()) for tag in tags]))
            outcomes = handle.evaluate([job(str(number)) for number in range(1 + neighbours)])
    assert outcomes[0].event is event


def test_an_evaluator_that_had_retired_did_nothing() -> None:
    """A batch that meets the end of a process that had ended by itself may be sent to another."""
    near, far = socket.socketpair()
    with far:
        frames.send(far, frames.pack(Kind.HELLO, [(1, ()), (frames.READY, ())]))
        with Evaluator(near) as handle:
            frames.send(far, frames.pack(Kind.EPITAPH, [(Exit.RETIRED, ())]))
            with pytest.raises(EvaluatorRetired):
                handle.evaluate([job("a")])


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.OUTCOMES, Kind.EPITAPH])
def test_an_evaluator_refuses_frames_that_are_no_batch(kind: Kind) -> None:
    """Any frame but a batch ends the evaluator."""
    near, far = socket.socketpair()
    with near, far:
        frames.send(near, frames.pack(kind, []))
        with pytest.raises(FrameError, match=kind.name):
            serve(far, Engine(printing).start, Unconfined())


@pytest.mark.parametrize(
    "reply",
    [
        frames.pack(Kind.OUTCOMES, []),
        frames.pack(Kind.OUTCOMES, [(1, ()), (1, ())]),
        frames.pack(Kind.HELLO, [(1, ())]),
        frames.pack(Kind.EPITAPH, []),
        [b"\x77" * 13],
        [b"\x03"],
    ],
)
def test_a_wrong_answer_counts_as_death(reply: list[bytes]) -> None:
    """An evaluator that was taken over cannot do more to its drain than die."""
    near, far = socket.socketpair()
    with far:
        frames.send(far, frames.pack(Kind.HELLO, [(1, ()), (frames.READY, ())]))
        handle = Evaluator(near)
        frames.send(far, reply)
        far.shutdown(socket.SHUT_WR)
        with pytest.raises(EvaluatorDied) as caught:
            handle.evaluate([job("a")])
        assert caught.value.exitcode is None
        assert not handle.alive
        handle.close()


def test_an_epitaph_tells_the_exit_code_and_the_last_words() -> None:
    """The exit code and the last lines that the template reports are the error's."""
    near, far = socket.socketpair()
    with far:
        frames.send(far, frames.pack(Kind.HELLO, [(1, ()), (frames.READY, ())]))
        with Evaluator(near) as handle:
            assert handle.alive
            frames.send(far, frames.pack(Kind.EPITAPH, [(-11, (b"std::bad_alloc",))]))
            assert not handle.alive
            with pytest.raises(EvaluatorDied) as caught:
                handle.evaluate([job("a")])
    assert caught.value.exitcode == -11
    assert caught.value.last_words == "std::bad_alloc"


def test_a_deadline_error_survives_the_way() -> None:
    """An error made here is read by the contract as the same error."""
    with evaluator(Engine(lambda _: DeadlineExceeded("late"))) as handle:
        assert isinstance(error_of(handle.evaluate([job("a")])[0].message), DeadlineExceeded)


def test_an_epitaph_that_comes_with_an_answer_is_noticed() -> None:
    """An evaluator that died right after its answer is dead, also where its end was received with the answer."""
    near, far = socket.socketpair()
    with far:
        frames.send(far, frames.pack(Kind.HELLO, [(1, ()), (frames.READY, ())]))
        with Evaluator(near) as handle:
            answer = frames.pack(Kind.OUTCOMES, [(frames.SUCCEEDED, (b"long enough",))])
            frames.send(far, answer)
            handle.evaluate([job("a")])
            answer = frames.pack(Kind.OUTCOMES, [(frames.SUCCEEDED, (b"",))])
            frames.send(far, answer + frames.pack(Kind.EPITAPH, [(-11, ())]))
            handle.evaluate([job("b")])
            assert not handle.alive
