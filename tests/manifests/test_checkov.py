"""checkov finds nothing in the manifests but what is left for a reason."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.manifests.rendering import OVERLAYS, documents, rendered

CHECKOV = os.environ.get("PULLBACK_CHECKOV", "")
LEFT: dict[str, str] = yaml.safe_load(Path(__file__).with_name("checkov.yaml").read_text())

pytestmark = pytest.mark.skipif(not CHECKOV, reason="no checkov; `make manifests` brings it")


def _findings(text: str, folder: Path) -> set[str]:
    """Gives the ids of the checks that a rendering fails."""
    file = folder / "rendered.yaml"
    file.write_text(text)
    done = subprocess.run(
        [
            CHECKOV,
            "--framework",
            "kubernetes",
            "--skip-download",
            "--compact",
            "--quiet",
            "-o",
            "json",
            "-f",
            file,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["passed"] > 100, done.stderr
    assert report["summary"]["parsing_errors"] == 0
    return {check["check_id"] for check in report["results"]["failed_checks"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_found_but_what_is_left_for_a_reason(overlay: str, tmp_path: Path) -> None:
    """And each reason is one that still counts."""
    assert _findings(rendered(overlay), tmp_path) == LEFT.keys()


def test_a_planted_mistake_is_found(tmp_path: Path) -> None:
    """A pod that may be root is."""
    bad = copy.deepcopy(documents("cpu"))
    pod = bad.one("Deployment", "pullback-gateway")["spec"]["template"]["spec"]
    pod["securityContext"] = {}
    assert _findings(yaml.safe_dump_all(bad), tmp_path) - LEFT.keys()
