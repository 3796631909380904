"""Overlays as documents: rendered by kubectl's kustomize, and read."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import yaml
from tests.manifests.documents import Documents

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"

#: The overlays that there are.
OVERLAYS = tuple(sorted(path.name for path in (K8S / "overlays").iterdir()))


@cache
def kubectl() -> str:
    """Finds kubectl: that of `PULLBACK_KUBECTL`, which `make manifests` sets, or else of the path."""
    found = os.environ.get("PULLBACK_KUBECTL") or shutil.which("kubectl")
    assert found, "there is no kubectl; run `make manifests`, which brings one"
    return found


@cache
def rendered(overlay: str) -> str:
    """Renders an overlay as YAML."""
    done = subprocess.run(
        [kubectl(), "kustomize", str(K8S / "overlays" / overlay)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(overlay: str) -> Documents:
    """Gives an overlay's documents, to do with as one likes."""
    return Documents([document for document in yaml.safe_load_all(rendered(overlay)) if document])
