"""What is said where Spark or Java is absent; needs neither."""

from __future__ import annotations

import sys

import pytest

import stillhunt_spark.engine
from stillhunt.base.config import Config
from stillhunt.base.errors import EngineError, InputError
from stillhunt.base.progress import Silent
from stillhunt_spark.engine import SparkEngine, is_frame, transpiled
from stillhunt_spark.log import SparkLog


def test_absent_pyspark_is_said_with_the_line_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(EngineError, match=r"PySpark is not installed.*\n.*pip install .*spark.*Java"):
        SparkEngine(master="local[1]")


def test_absent_sqlglot_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(EngineError, match="sqlglot is not installed"):
        transpiled("SELECT 1")


def test_an_absent_client_of_spark_connect_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark")
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(EngineError, match=r"grpc[\s\S]*next: pip install 'pyspark\[connect\]'"):
        SparkEngine(master="sc://127.0.0.1:1")


def test_absent_java_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stillhunt_spark.engine.shutil, "which", lambda _name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineError, match=r"needs Java 17 or newer[\s\S]*default-jre-headless"):
        stillhunt_spark.engine._require_java()


def test_other_tables_are_no_frames() -> None:
    assert not is_frame([1, 2])
    assert not is_frame("s3a://bucket/log")


@pytest.mark.parametrize("requests", ["postgresql://u:words@host/db", ["a.parquet", "postgres://u:words@host/db"]])
def test_a_database_is_not_read_by_a_cluster(requests: object) -> None:
    with pytest.raises(InputError, match="no database") as caught:
        SparkLog(requests, None, Config(), Silent())
    assert "words" not in str(caught.value)
