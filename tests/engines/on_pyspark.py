"""Run the tests of engines on Apache Spark itself, which needs Java 17 and takes minutes.

    python -m venv /some/folder && /some/folder/bin/pip install 'pyspark[connect]==4.0.*'
    python tests/engines/on_pyspark.py /some/folder

PySpark cannot share an environment with its own client, so that it has one of its own; its workers run
in this environment, where crmlab is. The server is ``local[2]``: one machine, two cores.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

SERVER = """
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[2]")
for name, value in {
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.port": sys.argv[1],
    "spark.sql.shuffle.partitions": "4",
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
}.items():
    builder = builder.config(name, value)
builder.getOrCreate()
print("ready", flush=True)
sys.stdin.read()
"""


def main() -> int:
    """Start the server, run the tests, stop the server; return what pytest returned."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    python = Path(sys.argv[1]) / "bin" / "python"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    # The functions of these tests have to be found by the workers, as crmlab is.
    settings = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).parent.resolve()),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    server = subprocess.Popen(
        [str(python), "-c", SERVER, port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=settings,
        cwd="/",
    )
    try:
        assert server.stdout is not None
        if server.stdout.readline().strip() != "ready":
            sys.exit("Spark did not start; its messages are above. It needs Java 17 and pyspark[connect].")
        tests = [str(Path(__file__).parent), "-q", "-p", "no:cacheprovider", "-k", "spark", *sys.argv[2:]]
        given = {**os.environ, "CRMLAB_TEST_SPARK": f"sc://127.0.0.1:{port}"}
        return subprocess.run([sys.executable, "-m", "pytest", *tests], env=given).returncode
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()


if __name__ == "__main__":
    sys.exit(main())
