#!/usr/bin/env bash
# Remakes constraints.txt: installs everything that pyproject.toml asks for into a fresh environment, and writes down
# what came. torch alone keeps the version it has there, changed by hand: which builds are offered differs from machine
# to machine. So does async-timeout, which redis needs before Python 3.11.3 alone. Left out are build tags, such as +cpu,
# and the packages of the CUDA build, so that one file serves all.
set -euo pipefail

cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

grep '^torch==' constraints.txt > "$scratch/torch.txt"
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --upgrade "pip==$PIP_VERSION"
"$scratch/venv/bin/python" -m pip install --quiet -c "$scratch/torch.txt" -e '.[local]' --group test --group check --group fuzz
{
    grep '^#' constraints.txt
    "$scratch/venv/bin/python" -m pip freeze --exclude-editable \
        | sed --regexp-extended '/^(async-timeout|cuda|nvidia|triton)\b/d; s/\+[a-z0-9.]+$//' \
        | LC_ALL=C sort --ignore-case - <(grep '^async-timeout==' constraints.txt)
} > "$scratch/constraints.txt"
cp "$scratch/constraints.txt" constraints.txt
