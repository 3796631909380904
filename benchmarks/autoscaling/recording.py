"""Records what a gateway tells while real jobs wait, run and end: ``python -m benchmarks.autoscaling.recording FILE``.

Five minutes: two batches of jobs that take some milliseconds, calls all along, and a few jobs that take seconds.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.processes import free_port, serving
from pullback.client import Client, evaluation, job

SECONDS = 300
SCRAPE_SECONDS = 10

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

# Some milliseconds, and some seconds.
SHORT = "y = x.sum()\nfor i in range(40):\n    y = y + torch.tanh(x*i).sum()"
LONG = "y = x.sum()\nfor i in range(60):\n    y = y + torch.tanh(x*i).sum()"

# When each batch comes, in seconds; its jobs, and the elements of their input.
BATCHES = ((20, 10_000, SHORT, 8_000), (100, 25_000, SHORT, 8_000), (210, 30, LONG, 1_000_000))

#: The series that the ScaledObjects ask for.
SERIES = ("pullback_queue_jobs", "pullback_queue_oldest_seconds", "pullback_queue_running_jobs")


def _load(address: str, begun: float) -> None:
    with Client(address) as client:
        for after, count, program, size in BATCHES:
            time.sleep(max(0.0, begun + after - time.monotonic()))
            x = np.linspace(0, 1, size, dtype="f4")
            asked = (job(evaluation(program, {"x": x + n})) for n in range(count))
            for _ in client.jobs.submit_many(asked):
                pass


def _calls(address: str, begun: float) -> None:
    with Client(address) as client:
        while time.monotonic() < begun + SECONDS:
            client.evaluate(QUARTIC, x=2.0)
            time.sleep(0.05)


def _scrape(url: str) -> list[tuple[str, dict[str, str], float]]:
    with urlopen(url) as answer:  # noqa: S310 - our own
        families = [*text_string_to_metric_families(answer.read().decode())]
    return [
        (each.name, each.labels, each.value)
        for family in families
        for each in family.samples
        if each.name in SERIES
    ]


def main() -> int:
    """Records into the file that is named."""
    port, metrics = free_port(), free_port()
    command = [str(Path(sys.executable).with_name("pullback")), "up", "--port", str(port)]
    os.environ["PULLBACK_METRICS_LISTEN"] = f"127.0.0.1:{metrics}"
    samples: dict[int, list[tuple[str, dict[str, str], float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        command += ["--data-dir", f"{scratch}/data"]
        with serving(command, port, Path(scratch) / "pullback.log", ready=b"pullback is up on"):
            begun = time.monotonic()
            for work in (_load, _calls):
                threading.Thread(target=work, args=(f"127.0.0.1:{port}", begun), daemon=True).start()
            for second in range(0, SECONDS, SCRAPE_SECONDS):
                time.sleep(max(0.0, begun + second - time.monotonic()))
                samples[second] = _scrape(f"http://127.0.0.1:{metrics}/metrics")
                print(
                    second,
                    [value for _, labels, value in samples[second] if labels["device"] == "cpu"],
                    flush=True,
                )
    Path(sys.argv[1]).write_text(json.dumps(samples, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
