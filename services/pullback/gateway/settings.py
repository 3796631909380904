"""What an operator can set on a gateway."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pullback.contract.limits import Limits
from pullback.contract.settings import ENV_PREFIX, Listen, MaybeListen, RedisUrl

_KEY = re.compile(r"[a-z0-9_.\-]+", re.ASCII)


def _metadata_key(key: str) -> str:
    if key and not _KEY.fullmatch(key):
        raise ValueError("write a key of gRPC metadata, of characters from a-z 0-9 _ . -")
    if key.endswith("-bin"):
        raise ValueError("keys that end with -bin hold bytes; the tenant's key must hold text")
    return key


#: A key of a call's metadata, or nothing.
MetadataKey = Annotated[str, AfterValidator(_metadata_key)]


class GatewaySettings(BaseSettings):
    """Settings of one gateway process, read once from ``PULLBACK_*`` variables."""

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
    listen: Listen = Field("127.0.0.1:50051", description="host:port to listen on; port 0 takes a free one")
    metrics_listen: MaybeListen = Field(
        "", description="host:port of [metrics and probes](metrics.md) over HTTP; empty: there are none"
    )
    default_timeout_seconds: float = Field(
        30.0, gt=0, description="time limit of an evaluation that sets none"
    )
    max_timeout_seconds: float = Field(
        300.0,
        gt=0,
        le=86_400,
        description="longest time limit of an evaluation; longer ones are shortened to it",
    )
    retention_seconds: float = Field(
        120.0, gt=0, description="how long a result with a request id is kept after its time limit"
    )
    max_in_flight: int = Field(
        100_000, gt=0, description="evaluations that callers of this gateway may wait for"
    )
    job_deadline_seconds: float = Field(
        604_800.0, gt=0, description="how long after its creation a submitted job expires at the latest"
    )
    job_retention_seconds: float = Field(
        86_400.0,
        gt=0,
        description="how long a submitted job is kept once it is finished, where it does not say",
    )
    max_job_retention_seconds: float = Field(
        2_592_000.0,
        gt=0,
        description="longest that a submitted job may ask to be kept; longer is shortened to it",
    )
    job_replicas: int = Field(
        0,
        ge=0,
        description="replicas of Redis that must have a job before its creation is answered (see "
        "[durability](durability.md))",
    )
    max_watches: int = Field(
        1_000, gt=0, description="calls of `WatchJobs` that this gateway may serve at once"
    )
    tenant_header: MetadataKey = Field(
        "",
        description="key of the metadata in which a trusted proxy, and nobody else, names the tenant of a call; "
        "empty: all callers are one tenant",
    )
    stop_grace_seconds: float = Field(
        10.0, ge=0, description="how long a stop waits for evaluations in flight"
    )
    reflection: bool = Field(default=True, description="whether clients may ask for the schema")
    channelz: bool = Field(default=False, description="whether clients may ask for channel statistics")
    limits: Limits = Field(
        default_factory=Limits,
        description="bounds on one evaluation, the same for all processes of a service",
    )
