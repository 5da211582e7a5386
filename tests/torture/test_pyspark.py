"""Features and models are the same on Apache Spark itself, in a JVM, as on polars: long form only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUNNER = Path(__file__).parents[1] / "engines" / "on_pyspark.py"
ENVIRONMENT = "CRMLAB_TEST_PYSPARK"
"""Folder of a virtual environment with pyspark[connect], which cannot share one with its own client."""


@pytest.mark.torture
def test_the_tests_of_engines_pass_on_pyspark(figures: dict[str, Any]) -> None:
    folder = os.environ.get(ENVIRONMENT)
    if folder is None:
        pytest.skip(f"no PySpark: {RUNNER.name} says how to install it; then set {ENVIRONMENT} to its folder")
    if _java() < 17:
        pytest.skip("no Java 17 or later, which Spark 4 needs, on the path or at JAVA_HOME")
    command = [sys.executable, str(RUNNER), folder]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=3_600)
    assert ended.returncode == 0, ended.stdout[-5_000:] + ended.stderr[-5_000:]
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed is not None, ended.stdout[-5_000:]
    assert "skipped" not in ended.stdout, ended.stdout[-5_000:]
    figures["pyspark"] = {"tests passed on Apache Spark": int(passed[1])}


def _java() -> int:
    """Return the version of Java that Spark would start, 0 for none."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        return 0
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0
