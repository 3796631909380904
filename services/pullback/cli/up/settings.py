"""What the environment says to ``pullback up``, and what its parts are told through theirs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pullback.cli.settings import DEFAULT_LISTEN
from pullback.contract.settings import ENV_PREFIX, Listen, MaybeListen, RedisUrl


def cores() -> int:
    """Gives the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


class UpSettings(BaseSettings):
    """Settings of ``pullback up``, read once."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    redis_url: RedisUrl | None = Field(None, description="a Redis that runs already; none is started then")
    listen: Listen = Field(
        DEFAULT_LISTEN,
        description="host:port of the gateway; `--port` replaces the port, and port 0 takes a free one",
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="the device class of the worker")
    slots: int = Field(
        default_factory=cores, gt=0, description="evaluators side by side; `--workers` goes before it"
    )
    redis_server: Path | None = Field(
        None, description="the server binary to start, instead of the one found"
    )
    metrics_listen: MaybeListen = Field(
        "",
        description="host:port of the gateway's metrics; the worker's are at the next port; empty: there are none",
    )
    data_home: Path = Field(
        Path("~/.local/share"), validation_alias="XDG_DATA_HOME", description="where users' data are kept"
    )

    @property
    def data_dir(self) -> Path:
        """Where jobs and results are kept when nobody says otherwise."""
        return self.data_home.expanduser() / "pullback"


def part_environment(**settings: str) -> dict[str, str]:
    """Makes the environment of a part: ours, and its own settings.

    Args:
        settings: names without their prefix, in small letters, and values.
    """
    environment = {f"{ENV_PREFIX}{name.upper()}": value for name, value in settings.items()}
    # Unbuffered: what a part says should be seen when it says it, not when its buffer is full.
    return {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
