"""The alerts: promtool reads them, they fire when they should and not before, and each says where to look."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.manifests.rendering import ROOT, documents

PROMTOOL = os.environ.get("PULLBACK_PROMTOOL", "")
CASES = Path(__file__).with_name("alerts.yaml")

needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="no promtool; `make manifests` brings it")


def _groups() -> dict[str, Any]:
    return {"groups": documents("production").one("PrometheusRule", "pullback")["spec"]["groups"]}


def _promtool(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [PROMTOOL, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@needs_promtool
def test_the_rules_are_read(tmp_path: Path) -> None:
    """The tool takes them, and does not take one with a bracket too few."""
    groups = _groups()
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups))
    assert _promtool("check", "rules", "rules.yaml", folder=tmp_path).returncode == 0
    groups["groups"][0]["rules"][0]["expr"] += ")"
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups))
    assert _promtool("check", "rules", "rules.yaml", folder=tmp_path).returncode != 0


@needs_promtool
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Each of the cases beside this file holds: what fires at which minute of which figures."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_groups()))
    (tmp_path / "cases.yaml").write_text(CASES.read_text())
    done = _promtool("test", "rules", "cases.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """None is only ever seen silent, or only ever loud."""
    names = {rule["alert"] for group in _groups()["groups"] for rule in group["rules"]}
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


def test_every_alert_says_where_to_look() -> None:
    """Its runbook is a heading of the page for operators, and its severity one of two."""
    page = (ROOT / "docs" / "operations.md").read_text()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }
    for group in _groups()["groups"]:
        for rule in group["rules"]:
            file, _, anchor = rule["annotations"]["runbook"].partition("#")
            assert (file, anchor in headings) == ("docs/operations.md", True), rule["alert"]
            assert rule["labels"]["severity"] in {"warning", "critical"}
