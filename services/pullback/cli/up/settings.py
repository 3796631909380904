"""What the environment says to ``pullback up``, and what its parts are told through theirs."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class UpSettings(BaseSettings):
    """Settings of ``pullback up``, read once."""

    model_config = SettingsConfigDict(
        env_prefix="PULLBACK_", env_ignore_empty=True, frozen=True, extra="forbid"
    )

    redis_url: str | None = Field(None, description="a Redis that runs already; none is started then")
    redis_server: Path | None = Field(
        None, description="the server binary to start, instead of the one found"
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
    environment = {f"PULLBACK_{name.upper()}": value for name, value in settings.items()}
    # Unbuffered: what a part says should be seen when it says it, not when its buffer is full.
    return {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
