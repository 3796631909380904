"""Puts a gateway together, runs it, and takes it apart in an order that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from redis.exceptions import RedisError

from pullback.broker import (
    Acceptor,
    Pipe,
    Quarantine,
    ResultReader,
    Shelves,
    Sweeper,
    connect_async,
    evicts,
    is_durable,
    is_full,
    look_at_backlog,
    look_at_quarantine,
)
from pullback.contract.errors import InvalidArgument
from pullback.contract.limits import MAX_MESSAGE_BYTES
from pullback.contract.names import DEVICE_CLASSES
from pullback.gateway.checking import Checker
from pullback.gateway.descents.handlers import SERVICE as DESCENT_SERVICE
from pullback.gateway.descents.handlers import handlers as descent_handlers
from pullback.gateway.descents.servicer import DescentServicer
from pullback.gateway.desk import Desk
from pullback.gateway.evaluating import Evaluating
from pullback.gateway.handlers import SERVICE, handlers
from pullback.gateway.jobs.creating import Intake
from pullback.gateway.jobs.feeds import Feeds
from pullback.gateway.jobs.handlers import SERVICE as JOB_SERVICE
from pullback.gateway.jobs.handlers import handlers as job_handlers
from pullback.gateway.jobs.servicer import JobServicer
from pullback.gateway.meters import Meters
from pullback.gateway.servicer import GradientServicer
from pullback.gateway.tenants import Tenants
from pullback.gateway.waking import Waker
from pullback.telemetry import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from redis.asyncio.client import Redis

    from pullback.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

SERVICES = (SERVICE, JOB_SERVICE, DESCENT_SERVICE)

# How often Redis is asked for its room, in seconds.
ROOM_SECONDS = 1.0

# How often what waits in the queue is counted, in seconds, where somebody watches.
QUEUE_SECONDS = 2.0

# How often the list of programs that are refused is looked at, in seconds.
QUARANTINE_SECONDS = 1.0

# How often a work is told to end that does not, in seconds.
CANCEL_SECONDS = 0.1

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Two gateways on one port would share its calls without saying so.
    ("grpc.so_reuseport", 0),
    # Clients may ping an idle connection every 30 s without being sent away.
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
)


async def serve(settings: GatewaySettings, ready: Callable[[str], None]) -> None:
    """Runs a gateway until SIGTERM or SIGINT.

    Args:
        settings: its settings.
        ready: called with host:port when calls are answered.

    Raises:
        InvalidArgument: nobody can listen on the address of the settings.
    """
    gateway, stop = uuid4().hex, _asked_to_stop()

    async with AsyncExitStack() as stack:
        redis = connect_async(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        # Jobs have a connection of their own: whoever waits for an evaluation is not to stand behind a message of jobs.
        pipe, results, jobs = (Pipe(settings.redis_url) for _ in range(3))
        waker = Waker(settings.redis_url)
        stack.callback(waker.close)

        desk = Desk(Acceptor(pipe, gateway, wake=waker.wake), max_in_flight=settings.max_in_flight)
        quarantine = Quarantine()
        shelves = _shelves(jobs, redis, waker, settings)
        feeds = Feeds(shelves, most_watchers=settings.max_watches)
        reader = ResultReader(
            results,
            redis,
            gateway,
            desk.delivered,
            desk.waiting,
            lost=desk.lost,
            news=quarantine.heard,
            changed=feeds.heard,
        )
        server = grpc.aio.server(options=_options(settings))
        servicers = _Servicers(desk, quarantine, shelves, feeds, settings)
        meters = Meters() if settings.metrics_listen else None
        server.add_generic_rpc_handlers(servicers.handlers(meters))
        checks = _standard_services(server, settings)
        port = _listen(server, settings.listen)

        works = (
            pipe.keep(),
            results.keep(),
            jobs.keep(),
            reader.run(),
            desk.watch(reader),
            Sweeper(redis, gateway, waker.wake).run(),
            _report_health(checks, reader),
            _watch_room(redis, desk, reader),
            _watch_quarantine(redis, quarantine),
            *([_watch_queue(redis, meters)] if meters else ()),
        )
        _keep_at(works, stop, stack)
        if meters:
            _tell(meters, desk, reader, settings, stop, stack)
        await server.start()
        ready(f"{settings.listen.rpartition(':')[0]}:{port}")

        await stop.wait()
        log.info("stopping: %d evaluations in flight", len(desk))
        await checks.enter_graceful_shutdown()
        servicers.stop()
        await server.stop(settings.stop_grace_seconds)


class _Servicers:
    """What answers the calls of all services."""

    def __init__(
        self, desk: Desk, quarantine: Quarantine, shelves: Shelves, feeds: Feeds, settings: GatewaySettings
    ) -> None:
        checker, tenants = Checker(settings.limits), Tenants(settings.tenant_header)
        evaluating = Evaluating(desk, quarantine, settings)
        self._gradients = GradientServicer(desk, evaluating, settings, checker, tenants)
        self._descents = DescentServicer(desk, evaluating, settings, checker, tenants)
        self._jobs = JobServicer(shelves, feeds, Intake(checker, settings), tenants, desk)

    def handlers(self, meters: Meters | None) -> tuple[grpc.GenericRpcHandler, ...]:
        """Gives what a server needs to serve their RPCs, counted where there are meters."""

        def seen(servicer: Any, service: str) -> Any:
            return meters.watched(servicer, service) if meters else servicer

        return (
            handlers(seen(self._gradients, SERVICE)),
            job_handlers(seen(self._jobs, JOB_SERVICE)),
            descent_handlers(seen(self._descents, DESCENT_SERVICE)),
        )

    def stop(self) -> None:
        """Refuses new calls, and ends those that go on elsewhere."""
        self._gradients.stop()
        self._jobs.stop()


def _tell(  # noqa: PLR0917 - the parts of a gateway that are told of
    meters: Meters,
    desk: Desk,
    reader: ResultReader,
    settings: GatewaySettings,
    stop: asyncio.Event,
    stack: AsyncExitStack,
) -> None:
    """Tells of a gateway over HTTP for as long as the stack lasts."""
    desk.told, desk.unserved = meters.told, meters.unserved
    meters.in_flight.set_function(lambda: len(desk))
    meters.redis_connected.set_function(reader.connected.is_set)
    meters.redis_full.set_function(lambda: desk.full)

    def ready() -> str | None:
        if stop.is_set():
            return "stopping"
        return None if reader.connected.is_set() else "not connected to Redis"

    endpoint = Endpoint(settings.metrics_listen, meters.registry, lambda: None, ready)
    stack.callback(endpoint.close)
    log.info("metrics on %s", endpoint.address)


def _shelves(pipe: Pipe, redis: Redis, waker: Waker, settings: GatewaySettings) -> Shelves:
    return Shelves(
        pipe,
        redis,
        wake=waker.wake,
        longest_ms=round(settings.job_deadline_seconds * 1000),
        replicas=settings.job_replicas,
    )


def _keep_at(works: Iterable[Coroutine[Any, Any, None]], stop: asyncio.Event, stack: AsyncExitStack) -> None:
    """Does works beside each other for as long as the stack lasts. None of them returns by itself."""
    for work in works:
        task = asyncio.create_task(work)
        # A gateway that lost one is half a gateway: better none, and a new one.
        task.add_done_callback(lambda _: stop.set())
        stack.push_async_callback(_end, task)


def _asked_to_stop() -> asyncio.Event:
    """Gives what SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _standard_services(server: grpc.aio.Server, settings: GatewaySettings) -> health.aio.HealthServicer:
    """Adds health and, where it is wanted, reflection."""
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    if settings.reflection:
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
    return checks


def _listen(server: grpc.aio.Server, address: str) -> int:
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise InvalidArgument(
            f"cannot listen on {address}: the port is taken, or the address is not this machine's; "
            "choose another with --port or PULLBACK_LISTEN"
        ) from error


def _options(settings: GatewaySettings) -> list[tuple[str, int]]:
    # Calls beyond gRPC's own bounds are cancelled at random and without a reason; the desk refuses with one.
    most = 2 * settings.max_in_flight
    return [
        *_OPTIONS,
        ("grpc.enable_channelz", int(settings.channelz)),
        ("grpc.server.max_pending_requests", most),
        ("grpc.server.max_pending_requests_hard_limit", most),
    ]


async def _report_health(checks: health.aio.HealthServicer, reader: ResultReader) -> None:
    # The server as a whole is healthy without its queue, so that nobody restarts it for that; the service is not.
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    await checks.set("", serving)
    for service in SERVICES:
        await checks.set(service, not_serving)
    while True:
        await reader.connected.wait()
        for service in SERVICES:
            await checks.set(service, serving)
        await reader.disconnected.wait()
        for service in SERVICES:
            await checks.set(service, not_serving)


async def _watch_room(redis: Redis, desk: Desk, reader: ResultReader) -> None:
    await reader.connected.wait()
    warned = False
    while True:
        with suppress(RedisError, OSError):
            if not warned and not await is_durable(redis):
                log.warning("Redis keeps no append-only file: what was accepted is lost when it ends")
            if not warned and await evicts(redis):
                log.warning(
                    "Redis drops keys when it is full, jobs among them: set maxmemory-policy noeviction"
                )
            warned = True
            desk.full = await is_full(redis)
        await asyncio.sleep(ROOM_SECONDS)


async def _watch_queue(redis: Redis, meters: Meters) -> None:
    while True:
        try:
            for device in DEVICE_CLASSES.values():
                meters.learn(device, await look_at_backlog(redis, device))
        except (RedisError, OSError):
            meters.forget()
        await asyncio.sleep(QUEUE_SECONDS)


async def _watch_quarantine(redis: Redis, quarantine: Quarantine) -> None:
    while True:
        with suppress(RedisError, OSError):
            quarantine.learn(await look_at_quarantine(redis))
        await asyncio.sleep(QUARANTINE_SECONDS)


async def _end(task: asyncio.Task[None]) -> None:
    # Again and again: a library that is connecting may take a cancellation for a failure to connect, and try once more.
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)
    with suppress(asyncio.CancelledError):
        task.result()
