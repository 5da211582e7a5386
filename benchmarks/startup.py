"""What it costs to start: ``import crmlab`` and the help of every command.

CPU milliseconds of a whole process (user and system, of what it starts too), and what is above an
interpreter that does nothing; the median of several rounds, taken in turns.

    .venv/bin/python benchmarks/startup.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys

from crmlab.cli import COMMANDS

AIMS = {"import crmlab": 50, "crmlab --help": 150}
"""Milliseconds: for an import above a bare interpreter, for a command in all."""


def cpu(command: list[str]) -> float:
    """Return CPU milliseconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Time every command's help, and the import."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    run = [sys.executable, "-m", "crmlab"]
    commands = {
        "bare interpreter": [sys.executable, "-c", "pass"],
        "import crmlab": [sys.executable, "-c", "import crmlab"],
        "import click": [sys.executable, "-c", "import click"],
        "crmlab --help": [*run, "--help"],
        **{f"crmlab {name} --help": [*run, name, "--help"] for name in sorted(COMMANDS)},
    }
    for command in commands.values():  # the first round fills caches
        cpu(command)
    times = [{name: cpu(command) for name, command in commands.items()} for _ in range(rounds)]
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, median of {rounds} rounds")
    print(f"{'CPU ms':<28}{'in all':>8}{'above bare':>12}{'aim':>8}")
    bare = statistics.median(each["bare interpreter"] for each in times)
    for name in commands:
        whole = statistics.median(each[name] for each in times)
        print(f"{name:<28}{whole:>8.0f}{whole - bare:>12.0f}{AIMS.get(name, ''):>8}")


if __name__ == "__main__":
    main()
