"""Engines that tests of this room share: each is made once, and its tests are skipped where it is absent."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark", reason="PySpark is absent: pip install 'calibrant[spark]'").sql
    if not shutil.which("java"):
        pytest.skip("Spark needs Java, and there is none on the path.")
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    told = {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "1g", "spark.log.level": "ERROR", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }  # fmt: skip
    builder = sql.SparkSession.builder.master("local[2]")
    for name, value in told.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    from pyspark import SparkContext

    session.stop()
    if (gateway := SparkContext._gateway) is not None:  # stop() leaves the Java process until Python ends
        gateway.shutdown()
        if (process := getattr(gateway, "proc", None)) is not None:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
            process.wait(10)
    SparkContext._gateway = SparkContext._jvm = None
