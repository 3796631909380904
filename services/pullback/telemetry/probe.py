"""``python -m pullback.telemetry.probe /readyz``: asks the process beside it, for an image's health check.

Exit status: 0 where it answers well, else 1.
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pullback.contract.settings import ENV_PREFIX, Listen, host_and_port

# Seconds to wait for the answer.
PATIENCE = 4.0

# Where one that listens everywhere is reached from beside it.
_LOCAL = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104 - asked, not listened on

_OK = 200


class ProbeSettings(BaseSettings):
    """What the process beside is told too."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    metrics_listen: Listen = Field(description="host:port of metrics and probes")


def main(path: str) -> int:
    """Asks, and says what was answered where it is not well."""
    host, port = host_and_port(ProbeSettings().metrics_listen)
    connection = HTTPConnection(_LOCAL.get(host, host.strip("[]")), port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        print(f"no answer: {error}", file=sys.stderr)  # noqa: T201 - the command's own voice
        return 1
    if answer.status != _OK:
        print(text, file=sys.stderr)  # noqa: T201
    return int(answer.status != _OK)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or ["/readyz"]))
