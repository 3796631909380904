"""Processes that are killed, and one that is frozen."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil
from tests.acceptance.drill.waiting import passes

from pullback.contract.names import SWEEPER_LOCK

if TYPE_CHECKING:
    import random

    from tests.acceptance.drill.moment import Moment
    from tests.acceptance.drill.stage import Stage

# How long Redis is frozen, in seconds.
FREEZE_SECONDS = 10.0

# How often to look for what has no event, in seconds.
LOOK_SECONDS = 0.05


async def kill_evaluator(stage: Stage, chance: random.Random, moment: Moment) -> None:
    """Kills one evaluator or all."""
    while not (found := stage.evaluators()):
        await passes(LOOK_SECONDS)
    await moment.under_way()
    for process in found if chance.random() < 0.5 else [chance.choice(found)]:
        _kill(process)


async def kill_worker_child(stage: Stage, chance: random.Random, moment: Moment) -> None:
    """Kills one of the worker's children."""
    while len(found := stage.worker_children()) < 2:
        await passes(LOOK_SECONDS)
    await moment.under_way()
    _kill(chance.choice(found))


async def kill_worker(stage: Stage, _: random.Random, moment: Moment) -> None:
    """Kills the worker; the kernel takes its children along."""
    await stage.worker.ready()
    await moment.under_way()
    stage.worker.signal(signal.SIGKILL)


async def kill_gateway(stage: Stage, _: random.Random, moment: Moment) -> None:
    """Kills the gateway, and with it every connection."""
    await stage.gateways[0].ready()
    await moment.under_way()
    stage.gateways[0].signal(signal.SIGKILL)


async def kill_redis(stage: Stage, _: random.Random, moment: Moment) -> None:
    """Kills Redis."""
    await stage.redis.ready()
    await moment.under_way()
    stage.redis.signal(signal.SIGKILL)


async def kill_sweeper(stage: Stage, chance: random.Random, moment: Moment) -> None:
    """Kills a worker's child, so that there is something to sweep, and the gateway whose sweeper would do it."""
    for gateway in stage.gateways:
        await gateway.ready()
    while len(children := stage.worker_children()) < 2:
        await passes(LOOK_SECONDS)
    holder = await _sweeper_port(stage)
    await moment.under_way()
    _kill(chance.choice(children))
    for gateway in stage.gateways:
        ports = {each.laddr.port for each in gateway.process.net_connections("tcp") if each.laddr}
        if holder in ports:
            gateway.signal(signal.SIGKILL)
            return
    raise AssertionError(f"no gateway has the connection from port {holder}, which sweeps")


async def _sweeper_port(stage: Stage) -> int:
    """Finds the connection on which the holder of the sweeper's lock says that it sweeps."""
    client = stage.client()
    try:
        async with client.monitor() as monitor:
            while True:
                seen = await monitor.next_command()
                holder = await client.get(SWEEPER_LOCK)
                words = str(seen["command"]).split()
                if SWEEPER_LOCK in words and holder in [word.encode() for word in words]:
                    return int(seen["client_port"])
    finally:
        await client.aclose()


async def freeze_redis(stage: Stage, _: random.Random, moment: Moment) -> None:
    """Freezes Redis, whose connections stay open."""
    stage.redis.signal(signal.SIGSTOP)
    try:
        await passes(FREEZE_SECONDS)
    finally:
        moment.now()
        stage.redis.signal(signal.SIGCONT)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
