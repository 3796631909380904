"""Plays a load against the ScaledObjects of the production overlay: ``python -m benchmarks.autoscaling``.

Each device's workers take jobs off a queue, second by second; the rules of the ScaledObject see what gateways would
tell. Afterwards Prometheus itself reads what was told, answers the very queries of the ScaledObject at each moment at
which it was asked, and has to say what the rules saw. Writes a chart. It needs kubectl, prometheus and promtool.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from benchmarks.autoscaling.fleet import Fleet
from benchmarks.autoscaling.load import CPU, CUDA, HOUR, arrivals
from benchmarks.autoscaling.rules import Scaler
from benchmarks.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

# What a gateway told while real jobs ran: see `recording`.
RECORDED = Path(__file__).with_name("recorded.json")

# Seconds between two looks of Prometheus, and of KEDA.
SCRAPE_SECONDS = 10

# When the first sample is, for Prometheus: some whole hour.
EPOCH = 1_750_003_200

LOADS = {"cpu": CPU, "cuda": CUDA}

# From the decision for a worker until it takes jobs, in seconds: a pod, an image that the node has, torch; a node, too.
START_SECONDS = {"cpu": 20, "cuda": 120}


@dataclass
class Played:
    """What came of a device's load.

    Attributes:
        samples: at each look, in seconds, what gateways tell: waiting, oldest, running.
        figures: at each look, what the rules saw of each trigger.
        replicas: at each second.
    """

    fleet: Fleet
    samples: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    figures: dict[int, list[float]] = field(default_factory=dict)
    replicas: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)


def scaled_objects() -> dict[str, dict[str, Any]]:
    """Reads the ScaledObjects of the production overlay, by device."""
    overlay = ROOT / "deploy" / "k8s" / "overlays" / "production"
    text = subprocess.run(
        ["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True
    ).stdout
    documents = [each for each in yaml.safe_load_all(text) if each and each["kind"] == "ScaledObject"]
    return {("cuda" if "gpu" in each["metadata"]["name"] else "cpu"): each["spec"] for each in documents}


def play(device: str, spec: dict[str, Any]) -> Played:
    """Lets three hours pass."""
    fleet = Fleet(slots=2 if device == "cpu" else 1, start_seconds=START_SECONDS[device])
    fleet.replicas = fleet.ready = spec["minReplicaCount"]
    scaler, played = Scaler(spec), Played(fleet)
    figures = [0.0] * len(spec["triggers"])
    for now in range(3 * HOUR):
        fleet.second(now, arrivals(LOADS[device], now))
        if now % SCRAPE_SECONDS == 0:
            sample = fleet.waiting, fleet.oldest(now), len(fleet.running)
            played.samples[now] = sample
            figures = _figures(spec, *sample)
            played.figures[now] = figures
        fleet.scale(now, scaler.decide(now, fleet.replicas, figures))
        played.replicas.append(fleet.replicas)
        played.waiting.append(fleet.waiting)
    return played


def _figures(spec: dict[str, Any], waiting: int, oldest: int, running: int) -> list[float]:
    """Says what the queries of the triggers mean, for Prometheus to agree with."""
    meaning = {"jobs": waiting + running, "age": oldest, "refused": 0}
    return [float(meaning[trigger["name"]]) for trigger in spec["triggers"]]


def told(device: str, played: Played) -> str:
    """Writes what two gateways tell, as OpenMetrics with times."""
    lines = []
    for name, place in (("jobs", 0), ("oldest_seconds", 1)):
        lines.append(f"# TYPE pullback_queue_{name} gauge")
        for pod in "ab":
            for second, sample in played.samples.items():
                # Half of what waits are submitted jobs: the query has to add the two, and not count gateways twice.
                half = sample[0] // 2
                interactive = sample[place] if name != "jobs" else sample[0] - half
                submitted = 0 if name != "jobs" else half
                for priority, value in (("interactive", interactive), ("submitted", submitted)):
                    labels = f'device="{device}",pod="{pod}",priority="{priority}"'
                    lines.append(f"pullback_queue_{name}{{{labels}}} {value} {EPOCH + second}")
    for name, kind in (("queue_running_jobs", "gauge"), ("gateway_unserved", "counter")):
        lines.append(f"# TYPE pullback_{name} {kind}")
        for pod in "ab":
            for second, sample in played.samples.items():
                suffix = "_total" if kind == "counter" else ""
                value = 0 if kind == "counter" else sample[2]
                lines.append(
                    f'pullback_{name}{suffix}{{device="{device}",pod="{pod}"}} {value} {EPOCH + second}'
                )
    return "\n".join([*lines, "# EOF", ""])


@contextmanager
def _prometheus(text: str) -> Iterator[int]:
    """Runs a Prometheus that has read OpenMetrics; gives its port."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        (folder / "told.txt").write_text(text)
        blocks = [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            folder / "told.txt",
            folder / "data",
        ]
        subprocess.run([*map(str, blocks)], check=True, stdout=subprocess.DEVNULL)
        (folder / "prometheus.yml").write_text("global: {}\n")
        port = free_port()
        server = subprocess.Popen(
            ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.callback(server.wait)
        stack.callback(server.terminate)
        assert server.stderr is not None
        for line in server.stderr:
            if "Server is ready" in line:
                break
        yield port


def check_by_prometheus(device: str, spec: dict[str, Any], played: Played) -> int:
    """Has Prometheus answer the queries; gives how many answers were compared."""
    with _prometheus(told(device, played)) as port:
        compared = 0
        for number, trigger in enumerate(spec["triggers"]):
            answers = _answers(port, trigger["metadata"]["query"])
            for second, figures in played.figures.items():
                if trigger["name"] == "refused" and second < SCRAPE_SECONDS:
                    continue  # an increase needs two samples
                if answers.get(second) != figures[number]:
                    raise SystemExit(
                        f"{device}, {trigger['name']}, second {second}: {answers.get(second)}, not {figures[number]}"
                    )
                compared += 1
        return compared


def recorded(spec: dict[str, Any]) -> tuple[list[int], int]:
    """Asks Prometheus the queries of a ScaledObject of what a gateway told while real jobs ran; see `recording`.

    Returns:
        How many workers the rules would have had at each look, and how many answers agreed with the samples' own sums.
    """
    samples: dict[str, list[list[Any]]] = json.loads(RECORDED.read_text())
    triggers = [each for each in spec["triggers"] if each["name"] != "refused"]
    with _prometheus(_recorded_text(samples)) as port:
        answers = [_answers(port, each["metadata"]["query"]) for each in triggers]
    scaler, replicas, series, agreed = Scaler(spec), spec["minReplicaCount"], [], 0
    for second, told_then in sorted((int(second), each) for second, each in samples.items()):
        mine = [each for each in told_then if each[1]["device"] == "cpu"]
        jobs = sum(
            value for name, _, value in mine if name in {"pullback_queue_jobs", "pullback_queue_running_jobs"}
        )
        oldest = max(
            (value for name, _, value in mine if name == "pullback_queue_oldest_seconds"), default=0.0
        )
        figures = [answer.get(second, 0.0) for answer in answers]
        if mine and figures != [jobs, oldest]:
            raise SystemExit(f"recorded, second {second}: {figures}, not {[jobs, oldest]}")
        agreed += len(figures)
        # The autoscaler decides each 15 seconds, by the last look.
        for now in range(second, second + SCRAPE_SECONDS):
            replicas = scaler.decide(now, replicas, figures)
        series.append(replicas)
    return series, agreed


def _recorded_text(samples: dict[str, list[list[Any]]]) -> str:
    lines: dict[str, list[str]] = {}
    for second, each in samples.items():
        for name, labels, value in each:
            written = ",".join(f'{key}="{text}"' for key, text in sorted({**labels, "pod": "a"}.items()))
            lines.setdefault(name, []).append(f"{name}{{{written}}} {value} {EPOCH + int(second)}")
    text = []
    for name, found in sorted(lines.items()):
        text += [
            f"# TYPE {name} gauge",
            *sorted(found, key=lambda line: (line.rpartition("}")[0], float(line.split()[-1]))),
        ]
    return "\n".join([*text, "# EOF", ""])


def _answers(port: int, query: str) -> dict[int, float]:
    words = {"query": query, "start": EPOCH, "end": EPOCH + 3 * HOUR - 1, "step": SCRAPE_SECONDS}
    with urlopen(f"http://127.0.0.1:{port}/api/v1/query_range?{urlencode(words)}") as answer:
        (series,) = json.load(answer)["data"]["result"]
    return {int(when) - EPOCH: float(value) for when, value in series["values"]}


def chart(found: dict[str, Played], file: Path) -> None:
    """Draws what waited and how many workers there were."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "pullback"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, rows = plt.subplots(len(found), 1, figsize=(9, 3.2 * len(found)), sharex=True)
    for axes, (device, played) in zip(rows, found.items(), strict=True):
        every = slice(None, None, SCRAPE_SECONDS)
        minutes = [second / 60 for second in range(len(played.replicas))][every]
        axes.fill_between(
            minutes,
            [each + 1 for each in played.waiting[every]],
            1,
            color="#c9d7ee",
            label="jobs that wait, and one",
        )
        axes.set_yscale("log")
        axes.set_ylabel("jobs that wait, and one")
        other = axes.twinx()
        other.step(minutes, played.replicas[every], where="post", color="#b5651d")
        other.set_ylabel("workers", color="#b5651d")
        other.set_ylim(0, max(played.replicas) + 1)
        axes.set_title(f"workers on {device}")
    rows[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> int:
    """Plays both loads; 0 where nothing is lost and Prometheus agrees."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.autoscaling", description=__doc__)
    parser.add_argument("--chart", type=Path, help="where the chart goes, .svg")
    options = parser.parse_args()
    missing = [tool for tool in ("kubectl", "prometheus", "promtool") if not shutil.which(tool)]
    if missing:
        print(f"there is no {', '.join(missing)}", file=sys.stderr)
        return 1
    found = {}
    for device, spec in sorted(scaled_objects().items()):
        played = found[device] = play(device, spec)
        fleet = played.fleet
        left = fleet.waiting + len(fleet.running)
        lost = round(fleet.came - fleet.done - left)
        compared = check_by_prometheus(device, spec, played)
        hours, least, top = sum(played.replicas) / HOUR, min(played.replicas), max(played.replicas)
        most = spec["maxReplicaCount"] * 3
        print(
            f"{device}: {fleet.came:,.0f} jobs came, {fleet.done:,.0f} were done, {left:,.0f} were left, {lost} lost;\n"
            f"    the longest wait was {fleet.longest:.0f} s; {least} to {top} workers,\n"
            f"    {hours:.1f} hours of them, where the most would be {most}; Prometheus agreed {compared:,} times"
        )
        if lost:
            return 1
    series, agreed = recorded(scaled_objects()["cpu"])
    print(
        f"recorded, of two slots: the rules would have had {', '.join(map(str, series))} workers, look by look;\n"
        f"    Prometheus agreed {agreed:,} times"
    )
    if options.chart:
        chart(found, options.chart)
    return 0


if __name__ == "__main__":
    sys.exit(main())
