"""All scenarios, in the order of the table."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.acceptance.drill import clock, disk, kills, network
from tests.acceptance.drill.errands import Errands
from tests.acceptance.drill.failover import Failover
from tests.acceptance.drill.job_errands import JobErrands
from tests.acceptance.drill.network import Cut
from tests.acceptance.drill.points import POINTS, Points
from tests.acceptance.drill.scenario import Guarantee, Scenario
from tests.acceptance.drill.stage import Layout, Stage

DOOMED = Path(__file__).with_name("doomed.py")


def doomed(folder: Path) -> Stage:
    """Makes a system whose processes kill themselves when told to, and whose drains come and go."""

    def command(role: str) -> tuple[str, ...]:
        # The last word is for whoever looks for the worker among the processes.
        return (sys.executable, "-P", str(DOOMED), role, str(folder), f"pullback.{role}")

    settings = {"LEASE_SECONDS": "2", "QUARANTINE_SECONDS": "60"}
    return Stage(
        folder,
        Layout(gateway_command=command("gateway"), worker_command=command("worker"), settings=settings),
    )


FAILOVER, REPLICATED = Failover(), Failover({"JOB_REPLICAS": "1"})
GATEWAY_CUT, WORKER_CUT = Cut("gateway"), Cut("worker")

SCENARIOS = (
    Scenario("evaluator", "evaluator killed", kills.kill_evaluator),
    Scenario("child", "worker child killed", kills.kill_worker_child),
    Scenario("worker", "worker killed", kills.kill_worker),
    Scenario("gateway", "gateway killed", kills.kill_gateway),
    Scenario(
        "sweeper",
        "gateway that sweeps killed, with a worker child",
        kills.kill_sweeper,
        stage=lambda folder: Stage(folder, Layout(gateways=2)),
    ),
    Scenario(
        "redis",
        "Redis killed, AOF everysec",
        kills.kill_redis,
        # It answers before it writes while what it wrote before is on its way to the disk.
        guarantee=Guarantee(
            may_lose=True, may_repeat=True, words="what waited for the disk may be lost, or given twice"
        ),
    ),
    Scenario(
        "redis-always",
        "Redis killed, AOF always",
        kills.kill_redis,
        stage=lambda folder: Stage(folder, Layout(fsync="always")),
    ),
    Scenario(
        "freeze", "Redis frozen for 10 s", kills.freeze_redis, lasts_seconds=kills.FREEZE_SECONDS, quick=False
    ),
    Scenario(
        "failover",
        "Redis primary lost, with Sentinels",
        FAILOVER,
        stage=FAILOVER.stage,
        guarantee=Guarantee(
            may_lose=True, may_repeat=True, words="what the replica had not got may be lost, or given twice"
        ),
        quick=False,
    ),
    Scenario(
        "failover-replicated",
        "the same, jobs accepted when a replica has them",
        REPLICATED,
        stage=REPLICATED.stage,
        guarantee=Guarantee(
            may_repeat=True, words="nothing lost; what the replica had not got may be given twice"
        ),
        quick=False,
    ),
    Scenario(
        "gateway-cut",
        "network cut between gateway and Redis",
        GATEWAY_CUT,
        stage=GATEWAY_CUT.stage,
        lasts_seconds=network.LONGEST_SECONDS,
        quick=False,
    ),
    Scenario(
        "worker-cut",
        "network cut between worker and Redis",
        WORKER_CUT,
        stage=WORKER_CUT.stage,
        lasts_seconds=network.LONGEST_SECONDS,
        quick=False,
    ),
    Scenario(
        "disk",
        "disk full",
        disk.fill_disk,
        stage=disk.small_disk,
        lasts_seconds=disk.LONGEST_SECONDS,
        quick=False,
    ),
    Scenario("clock", "clocks set, forward or back", clock.set_clock, stage=clock.settable_clock),
    Scenario(
        "points",
        "killed before and after each script",
        Points(),
        stage=doomed,
        events=len(POINTS),
        more_loads=(Errands, JobErrands),
        quick=False,
    ),
)
