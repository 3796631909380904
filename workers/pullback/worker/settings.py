"""What an operator can set on a worker."""

from __future__ import annotations

import os
import socket
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pullback.contract.limits import Limits
from pullback.contract.settings import ENV_PREFIX, MaybeListen, RedisUrl
from pullback.evaluator import Isolation


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class WorkerSettings(BaseSettings):
    """Settings of one worker, read once from ``PULLBACK_*`` variables."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="forbid",
    )

    redis_url: RedisUrl = Field(
        "redis://127.0.0.1:6379/0",
        description="where Redis is, or its Sentinels (see [durability](durability.md)), passwords included",
    )
    metrics_listen: MaybeListen = Field(
        "", description="host:port of [metrics and probes](metrics.md) over HTTP; empty: there are none"
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="the device class whose lane this worker takes")
    compute: Literal["", "cpu", "cuda"] = Field(
        "", description="what to compute on, where that differs from `device`: for rehearsals without a GPU"
    )
    slots: int = Field(default_factory=_cores, gt=0, description="evaluators side by side")
    protections: Literal["required", "available"] = Field(
        "available",
        description="whether to refuse to start where evaluators cannot have every protection but Landlock",
    )
    isolation: Isolation = Field(
        Isolation.CHILD,
        description="who shares an evaluator: a worker's `child`, the jobs of one `tenant`, or nobody, with `job`",
    )
    quarantine_seconds: float = Field(
        300.0,
        ge=0,
        description="how long a program is refused that made native code crash twice within that time; 0 refuses none",
    )
    worker_name: str = Field(
        default_factory=socket.gethostname, min_length=1, max_length=128, description="shown in results"
    )
    batch: int = Field(512, gt=0, le=4096, description="evaluations taken from the lane at once")
    linger_seconds: float = Field(10.0, ge=0, description="how long an idle drain stays on its lane")
    lease_seconds: float = Field(60.0, gt=0, description="how long a drain may stay before it makes way")
    limits: Limits = Field(
        default_factory=Limits,
        description="bounds on one evaluation, the same for all processes of a service",
    )

    @property
    def compute_device(self) -> str:
        """What evaluators compute on."""
        return self.compute or self.device

    def driver_environment(self) -> dict[str, str]:
        """What a GPU's driver needs to find in an evaluator's environment, which is otherwise empty."""
        if self.compute_device == "cpu":
            return {}
        return {
            name: value
            for name, value in os.environ.items()
            if name == "LD_LIBRARY_PATH" or name.startswith(("CUDA_", "NVIDIA_"))
        }


def count_in(folder: str) -> None:
    """Has prometheus_client count in files of a folder, one for each process: it looks for it when it is imported."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
