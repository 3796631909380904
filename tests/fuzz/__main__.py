"""Looks for what breaks the service, for a chosen time: `make fuzz ARGS="--seconds 3600"`.

Four parts share the time: text for the compiler, led by coverage; random and changed programs for the engine;
arguments at their edges for the op table; damaged requests for a running gateway. Exits with 1 where any of them
found something.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import time

from tests.fuzz.saving import FOLDER

# The part of the time that each gets.
SHARES = {"parser": 0.25, "programs": 0.35, "sweep": 0.2, "wire": 0.2}

# The longest that one text may take to compile, in seconds, and the memory of the process, in MiB.
PARSE_SECONDS = 5
PARSE_MIB = 1_024

_COVERAGE = re.compile(r"^#\d+\s+\w+\s+cov: \d+")


def _parser(seconds: int, seed: int) -> int:
    findings = FOLDER / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "tests.fuzz.parser", str(FOLDER / "corpus"), f"-max_total_time={seconds}",
        f"-timeout={PARSE_SECONDS}", f"-rss_limit_mb={PARSE_MIB}", f"-seed={seed % 2**31 + 1}", "-max_len=4096",
        "-print_final_stats=1", f"-artifact_prefix={findings}/parser-",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            if _COVERAGE.match(line):
                last = line  # thousands of them: the last one says where it ended
            elif not line.startswith(("INFO:", "#")):
                print(line, end="", flush=True)
        print(f"parser: {last.strip()}")
    return process.returncode


def _module(name: str, seconds: int, seed: int) -> int:
    command = [sys.executable, "-m", f"tests.fuzz.{name}", "--seconds", str(seconds), "--seed", str(seed)]
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """Runs the parts one after another."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="for all parts together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--only", choices=SHARES, help="this part, for all of the time")
    options = parser.parse_args()
    shares = {options.only: 1.0} if options.only else SHARES
    failed = []
    for name, share in shares.items():
        seconds = max(1, int(options.seconds * share))
        print(f"== {name}, {seconds} s, seed {options.seed}", flush=True)
        begin = time.monotonic()
        status = _parser(seconds, options.seed) if name == "parser" else _module(name, seconds, options.seed)
        print(f"== {name} ended with {status} after {time.monotonic() - begin:.0f} s{os.linesep}", flush=True)
        failed += [name] if status else []
    print(f"findings in: {', '.join(failed)}; inputs in {FOLDER}" if failed else "no findings")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
