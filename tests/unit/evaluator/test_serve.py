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
    ProgramError,
    PullbackError,
)
from pullback.contract.lifecycle import Event
from pullback.contract.status import from_status
from pullback.evaluator import Evaluator, EvaluatorDied, EvaluatorUnavailable, Job, frames
from pullback.evaluator.frames import FrameError, Kind
from pullback.evaluator.serve import Compute, serve
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1 import gradient_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Engine:
    """Computes with a given function, evaluation by evaluation."""

    def __init__(self, compute: Callable[[pb.Evaluation], pb.Result | PullbackError]) -> None:
        self._compute = compute
        self.batch_sizes: list[int] = []

    def start(self) -> Compute:
        """Makes itself ready."""
        return Compute("0+test", self.evaluate_many)

    def evaluate_many(self, evaluations: Sequence[pb.Evaluation]) -> Sequence[pb.Result | PullbackError]:
        """Computes one after the other."""
        self.batch_sizes.append(len(evaluations))
        return [self._compute(each) for each in evaluations]


@contextmanager
def evaluator(engine: Engine) -> Iterator[Evaluator]:
    """An evaluator whose process is a thread of this one."""
    near, far = socket.socketpair()
    with far:
        thread = threading.Thread(target=serve, args=(far, engine.start))
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
        serve(far, start)
        with pytest.raises(EvaluatorUnavailable, match="no driver"):
            Evaluator(near)


def test_the_handle_knows_pid_and_version() -> None:
    """Hello tells the process id and the version of the engine."""
    with evaluator(Engine(printing)) as handle:
        assert handle.pid > 0
        assert handle.engine == "0+test"


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.OUTCOMES, Kind.EPITAPH])
def test_an_evaluator_refuses_frames_that_are_no_batch(kind: Kind) -> None:
    """Any frame but a batch ends the evaluator."""
    near, far = socket.socketpair()
    with near, far:
        frames.send(near, frames.pack(kind, []))
        with pytest.raises(FrameError, match=kind.name):
            serve(far, Engine(printing).start)


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


def test_an_epitaph_tells_the_exit_code() -> None:
    """The exit code that the template reports is the error's."""
    near, far = socket.socketpair()
    with far:
        frames.send(far, frames.pack(Kind.HELLO, [(1, ()), (frames.READY, ())]))
        with Evaluator(near) as handle:
            assert handle.alive
            frames.send(far, frames.pack(Kind.EPITAPH, [(-11, ())]))
            assert not handle.alive
            with pytest.raises(EvaluatorDied) as caught:
                handle.evaluate([job("a")])
    assert caught.value.exitcode == -11


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
