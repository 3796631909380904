"""All scenarios, in the order of the table."""

from __future__ import annotations

from tests.acceptance.drill import kills
from tests.acceptance.drill.scenario import Scenario
from tests.acceptance.drill.stage import Layout, Stage

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
    Scenario("redis", "Redis killed, AOF everysec", kills.kill_redis),
    Scenario(
        "redis-always",
        "Redis killed, AOF always",
        kills.kill_redis,
        stage=lambda folder: Stage(folder, Layout(fsync="always")),
    ),
    Scenario("freeze", "Redis frozen for 10 s", kills.freeze_redis, quick=False),
)
