"""The SDK for asyncio."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import chain
from typing import TYPE_CHECKING, Any, Self, final

import grpc
import grpc.aio

from pullback.client.building import merged, new_request_id, write_evaluation
from pullback.client.calling import AsyncCaller
from pullback.client.channels import DEFAULT_ADDRESS, OPTIONS
from pullback.client.checks import Checked, check_request, read_check
from pullback.client.descents.asynchronous import AsyncDescent
from pullback.client.descents.plans import Plan, descend_request
from pullback.client.exporting import Artifact, artifact_of, export_request
from pullback.client.faults import ended_early, from_rpc_error
from pullback.client.flight import DEFAULT_BATCH, DEFAULT_IN_FLIGHT, Departure, Flight, Landing
from pullback.client.jobs.asynchronous import AsyncJobs
from pullback.client.reading import Evaluated
from pullback.client.retries import DEFAULT_RETRY_FOR
from pullback.v1.descent_pb2_grpc import DescentServiceStub
from pullback.v1.gradient_pb2 import EvaluateRequest, EvaluateStreamRequest
from pullback.v1.gradient_pb2_grpc import GradientServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
    from types import TracebackType

    from pullback.client.building import Device, Names, Values
    from pullback.client.derivatives import Derivative
    from pullback.client.descents.optimizers import Optimizer
    from pullback.client.descents.plans import MiniBatches
    from pullback.client.descents.reading import DescentState
    from pullback.client.descents.schedules import Schedule
    from pullback.client.exporting import ExportFormat
    from pullback.contract.errors import PullbackError
    from pullback.v1.evaluation_pb2 import Evaluation


@final
class AsyncClient:
    """A connection to a Pullback service, for any number of tasks of one event loop.

    Make it while that loop runs, and close it, or use it as a context manager. gRPC does not survive a
    fork: make a client in each child process.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        retry_for: float = DEFAULT_RETRY_FOR,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Makes a client. Connects when it is first used.

        Args:
            address: ``host:port``, or any other gRPC target.
            retry_for: the seconds that a call may spend waiting between tries while the service cannot be
                reached or is full; 0 for a single try.
            credentials: of gRPC, for TLS; None for plain text.
        """
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(address, OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(address, credentials, OPTIONS)
        self._caller = AsyncCaller(address, retry_for)
        self._jobs = AsyncJobs(self._channel, self._caller)
        self._descents: Any = DescentServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._stub: Any = GradientServiceStub(self._channel)  # type: ignore[no-untyped-call]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection, and the calls under way on it."""
        await self._channel.close()

    @property
    def jobs(self) -> AsyncJobs:
        """The service's jobs: evaluations that are submitted now and fetched later."""
        return self._jobs

    async def evaluate(
        self,
        program: str,
        /,
        inputs: Values | None = None,
        *,
        outputs: Names = (),
        wrt: Names = (),
        derivative: Derivative = "gradient",
        cotangents: Values | None = None,
        tangents: Values | None = None,
        stacked: bool = False,
        batched_inputs: Names = (),
        value_only: bool = False,
        return_graph: bool = False,
        return_program_graph: bool = False,
        check_gradient: bool = False,
        detect_anomaly: bool = False,
        device: Device = "auto",
        timeout: float | None = None,  # noqa: ASYNC109 - it travels with the evaluation
        seed: int = 0,
        request_id: str | None = None,
        **named_inputs: Any,
    ) -> Evaluated:
        """Evaluates a program and waits for values and derivatives.

        A call that fails on the way, or finds the service full, is tried again under the same request id,
        so that a service restarted in between goes unnoticed and nothing is computed twice.

        Args:
            program: the source text.
            inputs: tensors to bind before the program runs, by name; see `evaluation` for their data types.
            outputs: the names to return; empty for the last value that the program makes.
            wrt: inputs, or names that the program binds, to differentiate by; empty for all inputs that can be.
            derivative: which one, by name, or a `Jacobian` or an `NthDerivative`.
            cotangents: the seeds of the reverse pass, by output name.
            tangents: the directions of ``jvp`` and ``hessian_vector_product``, by input name.
            stacked: True where each seed is a stack of them, along an axis in front.
            batched_inputs: the inputs with an axis of rows in front; every row is evaluated, and what comes is stacked.
            value_only: True for no derivative.
            return_graph: True for the autograd graph too.
            return_program_graph: True for the graph of the program's calls too.
            check_gradient: True to hold gradients against finite differences; see `Evaluated.gradient_checks`.
            detect_anomaly: True to have it told where NaN and infinity first come up; see `Evaluated.anomalies`.
            device: the class of device to run on.
            timeout: the longest that the call may take, in seconds, retries included; None for the service's own.
            seed: where the random numbers begin that the program draws, from 0 to 2**64 - 1.
            request_id: the name that the result is kept under; None for a new one.
            **named_inputs: further inputs.

        Raises:
            CallerError: the evaluation is wrong, too big or too slow; the class says which.
            ServiceError: the service is at fault, or could not be reached in `retry_for` or `timeout`.
        """
        request = EvaluateRequest(request_id=request_id or new_request_id())
        write_evaluation(
            request.evaluation, program, merged(inputs, named_inputs), outputs=outputs, wrt=wrt,
            derivative=derivative, cotangents=cotangents, tangents=tangents, stacked=stacked,
            batched_inputs=batched_inputs, value_only=value_only, return_graph=return_graph,
            return_program_graph=return_program_graph,
            check_gradient=check_gradient, detect_anomaly=detect_anomaly, device=device,
            timeout=timeout, seed=seed,
        )  # fmt: skip
        response = await self._caller.call(self._stub.Evaluate, request, timeout)
        return Evaluated(response.result, request.evaluation)

    async def export(
        self,
        program: str,
        /,
        inputs: Values | None = None,
        *,
        format: ExportFormat = "onnx",  # noqa: A002 - the word for it, and the builtin is not used here
        outputs: Names = (),
        device: Device = "auto",
        timeout: float | None = None,  # noqa: ASYNC109 - it travels with the evaluation
        request_id: str | None = None,
        **named_inputs: Any,
    ) -> Artifact:
        """Runs a program, and gives it as a file for other tools, for the shapes and data types of these inputs.

        Args:
            program: the source text.
            inputs: tensors to bind before the program runs, by name, as in `evaluate`.
            format: ``onnx`` for an ONNX model, ``torch_export`` for an archive of `torch.export`.
            outputs: the names to return; empty for the last value that the program makes.
            device: the class of device to run on.
            timeout: the longest that the call may take, in seconds, retries included.
            request_id: the name that the result is kept under; None for a new one.
            **named_inputs: further inputs.

        Raises:
            CallerError: the program is wrong, too big or too slow, or does what a graph cannot hold.
            ServiceError: the service is at fault, or could not be reached in `retry_for` or `timeout`.
        """
        request = export_request(
            program,
            inputs,
            named_inputs,
            outputs=outputs,
            form=format,
            device=device,
            timeout=timeout,
            request_id=request_id,
        )
        response = await self._caller.call(self._stub.Evaluate, request, timeout)
        return artifact_of(response.result)

    def descend(
        self,
        program: str,
        /,
        inputs: Values | None = None,
        *,
        optimizer: Optimizer | str,
        steps: int,
        schedule: Schedule | None = None,
        loss_target: float | None = None,
        loss_tolerance: float | None = None,
        gradient_tolerance: float | None = None,
        seconds: float | None = None,
        bounds: Mapping[str, tuple[Any, Any]] | None = None,
        batches: MiniBatches | None = None,
        interval: int = 0,
        watch: Names = (),
        state: DescentState | None = None,
        outputs: Names = (),
        wrt: Names = (),
        device: Device = "auto",
        leg_timeout: float | None = None,
        seed: int = 0,
        **named_inputs: Any,
    ) -> AsyncDescent:
        """Brings a program's last output down, on the service; gives what it is followed with.

        It runs in legs, each a queued evaluation of about a quarter of a second, so that a worker that dies costs no
        more than one. A stream that breaks is opened again and gone on with from the last state that came.

        Args:
            program: the source text; its last output is the loss.
            inputs: tensors to bind, by name, as in `evaluate`. The parameters begin at theirs.
            optimizer: an `SGD`, `Adam`, `AdamW`, `RMSprop`, `Adagrad` or `LBFGS`; or a name, for torch's defaults.
            steps: the most steps, those before `state` included.
            schedule: how the learning rate changes, such as a `StepLR`; None where it stays.
            loss_target: it ends at this loss, or below.
            loss_tolerance: it ends where a step changes the loss by no more, times the larger of 1 and both losses.
            gradient_tolerance: it ends where the 2-norm of the gradient is no larger.
            seconds: the longest that it takes, waiting included.
            bounds: the boxes that parameters are kept in: lower and upper value by name, None for no bound.
            batches: the inputs of which each step sees some rows only; None for none.
            interval: the steps from one moment that is told to the next; 0 for a hundredth of `steps`.
            watch: the parameters that each moment tells of.
            state: where an earlier descent stood, to go on from; None to begin.
            outputs: the names to return at the end; the last is the loss. Empty for the last that the program makes.
            wrt: the parameters; empty for all floating-point or complex inputs that do not come in mini-batches.
            device: the class of device to run on.
            leg_timeout: the longest that a leg may take, in seconds; None for the service's own.
            seed: where random numbers begin: step k draws with `seed` + k.
            **named_inputs: further inputs.

        Raises:
            InvalidArgument: an argument cannot be sent. What the service refuses is raised when it is looked at.
        """
        plan = Plan(
            optimizer=optimizer, steps=steps, schedule=schedule, loss_target=loss_target,
            loss_tolerance=loss_tolerance, gradient_tolerance=gradient_tolerance, seconds=seconds, bounds=bounds,
            batches=batches, interval=interval, watch=watch, state=state, outputs=outputs, wrt=wrt, device=device,
            leg_timeout=leg_timeout, seed=seed,
        )  # fmt: skip
        request = descend_request(program, merged(inputs, named_inputs), plan)
        return AsyncDescent(self._descents.Descend, request, self._caller)

    async def check(
        self,
        program: str,
        *,
        inputs: Names | Values = (),
        outputs: Names = (),
        wrt: Names = (),
        derivative: Derivative = "gradient",
        cotangents: Values | None = None,
        tangents: Values | None = None,
        stacked: bool = False,
        batched_inputs: Names = (),
        value_only: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - it is the call's deadline, known to the service
    ) -> Checked:
        """Checks a program without running it. Faults are in `Checked.diagnostics`, not raised.

        Args:
            program: the source text.
            inputs: the names that would be bound; empty for whatever the program reads first. A mapping gives for each
                a `Spec`, or a value as `evaluate` takes it, of which type and shape are sent alone: the answer then
                has estimates.
            outputs: the names that would be asked for.
            wrt: the inputs to differentiate with respect to, as in `evaluate`. No meaning without a mapping.
            derivative: which one would be asked for, as in `evaluate`. It and all that follow have no meaning without a
                mapping.
            cotangents: the seeds, or their `Spec`, by output name.
            tangents: the directions, or their `Spec`, by input name.
            stacked: True where each seed is a stack of them.
            batched_inputs: the inputs with an axis of rows in front.
            value_only: True for no derivative.
            timeout: the longest that the call may take, in seconds; None for no limit.

        Raises:
            InvalidArgument: an input is no tensor, or there are names that do not go together.
            LimitExceeded: there is too much of something; `metadata` tells of what.
            ServiceError: the service is at fault, or could not be reached.
        """
        request = check_request(
            program,
            inputs,
            outputs,
            wrt,
            derivative=derivative,
            cotangents=cotangents,
            tangents=tangents,
            stacked=stacked,
            batched_inputs=batched_inputs,
            value_only=value_only,
        )
        return read_check(await self._caller.call(self._stub.CheckProgram, request, timeout))

    async def evaluate_many(
        self,
        evaluations: Iterable[Evaluation],
        *,
        batch: int = DEFAULT_BATCH,
        in_flight: int = DEFAULT_IN_FLIGHT,
        run_id: str | None = None,
    ) -> AsyncGenerator[Landing]:
        """Evaluates many, over one stream, and gives each one's outcome as it becomes known, in any order.

        One that fails is given as its error and does not disturb the rest. A stream that breaks is opened
        again, and what has no outcome is sent again under the same request ids. A caller who may leave the
        loop early SHOULD wrap the iterator in `contextlib.aclosing`, which cancels what is under way.

        Args:
            evaluations: made by `evaluation`. Read in the event loop, no more than `in_flight` ahead.
            batch: evaluations in one message, from 1 to 4,096.
            in_flight: evaluations under way at once.
            run_id: what request ids begin with; None for a new one. A script that is started again with the
                same evaluations and the same `run_id` is answered from what the service still holds.

        Yields:
            The index among `evaluations`, and an `Evaluated` or a `PullbackError`.

        Raises:
            ServiceError: the service could not be reached for as long as `retry_for`.
            TypeError: one of them was not made by `evaluation`.
        """
        flight = Flight(
            evaluations, batch=batch, in_flight=in_flight, run_id=run_id, retry_for=self._caller.retry_for
        )
        while True:
            departures = flight.restart()
            first = next(departures, None)
            if first is None:
                return
            try:
                async with aclosing(self._fly(flight, chain([first], departures))) as landings:
                    async for landing in landings:
                        yield landing
                fault: PullbackError = ended_early(self._caller.address)
            except grpc.RpcError as error:
                fault = from_rpc_error(error, self._caller.address)
            if flight.done:
                return
            await asyncio.sleep(flight.delay(fault))

    async def _fly(self, flight: Flight, departures: Iterator[Departure]) -> AsyncGenerator[Landing]:
        """Sends and receives until the stream ends, or raises as it breaks."""
        outbox = _Outbox()
        call = self._stub.EvaluateStream(aiter(outbox))
        try:
            await outbox.put(departures)
            async for response in call:
                landings = flight.land(response)
                await outbox.put(flight.departures())
                if flight.done:
                    outbox.close()  # the service then ends the stream
                for landing in landings:
                    yield landing
        finally:
            outbox.close()
            call.cancel()


@final
class _Outbox:
    """What a stream has to send: filled by the receiving task, emptied by gRPC's."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Departure | None] = asyncio.Queue()

    async def put(self, departures: Iterable[Departure]) -> None:
        for departure in departures:
            self._queue.put_nowait(departure)
            await asyncio.sleep(0)  # lets the message go while the next is built

    def close(self) -> None:
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[EvaluateStreamRequest]:
        while (departure := await self._queue.get()) is not None:
            await asyncio.sleep(departure.seconds_left())
            yield departure.message
