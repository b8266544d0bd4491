"""A Spark standalone cluster of processes: one master, two workers, one of them killed in the middle of a hunt.

The tables must be those of one machine, bit for bit. Each worker is a process with executors of its own, which start
Python of their own; nothing is shared with the driver but the files of the log.

    python benchmarks/scale/spark_cluster.py --accounts 400      (Java is needed)

With `--connect`, a Spark Connect server in a process of its own is the driver of the cluster, and the hunt is its
client, in a process that finds no Java. It needs what `pip install 'pyspark[connect]'` brings.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.collect import open_requests
from stillhunt.extract import Partials, sketch_requests
from stillhunt.link import link_slices
from stillhunt.resolve import resolve_campaigns
from stillhunt.score import score_campaigns
from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

FILES, PARTITIONS = 8, 8
KEY = "a fixed key, so that hashes of two readings compare"
SPARK = Path(pyspark.__file__).parent
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Compiler and collector for processes that live for a minute."""
SUBMIT = "org.apache.spark.deploy.SparkSubmit"
START_SECONDS = 60.0


class Cluster:
    """A master and two workers, each a process with a log of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.master = ""
        self.connect = ""
        """URL of the Spark Connect server, after `start_connect`."""

    def start(self) -> None:
        """Start them and wait until both workers are registered."""
        place = ("--host", "127.0.0.1", "--webui-port", "0")
        self._start_process("master", "org.apache.spark.deploy.master.Master", *place, "--port", "0")
        self.master = self._wait_for(r"spark://[\w.:]+", "master")
        for number in (0, 1):
            work = ("--cores", "1", "--memory", "1g", "--work-dir", f"{self._folder}/work{number}")
            self._start_process(f"worker{number}", "org.apache.spark.deploy.worker.Worker", *place, *work, self.master)
            self._wait_for("Successfully registered with master", f"worker{number}")

    def start_connect(self, options: Mapping[str, str]) -> None:
        """Start a Spark Connect server that has the cluster."""
        served = {
            **options,
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": "0",
        }
        words = [word for name, value in served.items() for word in ("--conf", f"{name}={value}")]
        server = ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal")
        self._start_process("connect", SUBMIT, "--master", self.master, *words, *server)
        port = self._wait_for(r"Spark Connect server started at: \S*:(\d+)", "connect").rpartition(":")[2]
        self.connect = f"sc://127.0.0.1:{port}"

    def kill_worker(self) -> int:
        """Kill the second worker with its executors and their Python; the number of processes."""
        worker = psutil.Process(self._processes[2].pid)
        killed = [worker, *worker.children(recursive=True)]
        for one in killed:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        return len(killed)

    def stop(self) -> None:
        """End all of it."""
        for process in reversed(self._processes):
            with suppress(psutil.NoSuchProcess):
                for one in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
            process.kill()
            process.wait()

    def _start_process(self, name: str, java_class: str, *words: str) -> None:
        java = {"SPARK_DAEMON_JAVA_OPTS": QUICK, "SPARK_DAEMON_MEMORY": "1g", "SPARK_LOCAL_IP": "127.0.0.1"}
        environment = {**os.environ, **java, "SPARK_HOME": str(SPARK), "PYSPARK_PYTHON": sys.executable}
        with (self._folder / f"{name}.log").open("wb") as log:
            started = [str(SPARK / "bin" / "spark-class"), java_class, *words]
            self._processes.append(subprocess.Popen(started, env=environment, stdout=log, stderr=log))

    def _wait_for(self, pattern: str, name: str) -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if found := re.search(pattern, (self._folder / f"{name}.log").read_text(errors="replace")):
                return found[0]
            threading.Event().wait(0.1)
        last = (self._folder / f"{name}.log").read_text(errors="replace")[-2000:]
        raise SystemExit(f"FELL: the {name} did not start: {last}")


@contextmanager
def standalone_cluster() -> Iterator[Cluster]:
    """A running cluster, ended in the end."""
    with TemporaryDirectory(prefix="stillhunt-spark-") as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def findings(sketches: Any, config: Config) -> dict[str, pa.Table]:
    """The tables of the rooms after the sketches."""
    linked = link_slices(sketches, config, Silent())
    candidates = resolve_campaigns(linked.links, linked.traffic, linked.sliced, config)
    found, _ = score_campaigns(linked.traffic, linked.sliced, candidates, None, config, Silent(), linked.totals)
    traffic = linked.traffic.drop_columns(["origin_file", "origin_row"])
    return {"traffic": traffic, "links": linked.links, "candidates": candidates, **found}


def findings_of_one_machine(path: Path, config: Config) -> dict[str, pa.Table]:
    """The tables of a hunt without Spark."""
    with DuckDBEngine(threads=1, memory_gb=1) as duck, Partials(config) as partials:
        opened = open_requests(str(path), mapping=None, config=config, engine=duck, progress=Silent())
        for batch in opened.batches():
            partials.add(batch["origin_file"][0].as_py(), sketch_requests(batch, config))
        store = partials.store()
        store.settle_repeats()
        return findings(store.dataset(2), config)


def findings_of_the_cluster(cluster: Cluster, path: Path, config: Config, given: argparse.Namespace) -> Any:
    """The tables of a hunt on the cluster, of which a worker is killed while it sketches."""
    from stillhunt_spark.engine import SparkEngine  # Spark is read once, with the options below
    from stillhunt_spark.sketches import spark_sketches

    options = {
        "spark.ui.enabled": "false",
        "spark.executor.memory": "700m",
        "spark.executor.extraJavaOptions": QUICK,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": str(PARTITIONS),
        "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    if given.connect:
        cluster.start_connect(options)
        os.environ["PATH"] = ""  # no java
    words = " ".join(f"--conf '{name}={value}'" for name, value in options.items())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{words} --driver-java-options '{QUICK}' pyspark-shell"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with SparkEngine(master=cluster.connect or cluster.master, memory_gb=1.0) as engine:
        if not given.connect:
            engine.session.sparkContext.setLogLevel("OFF")
        killer = threading.Timer(max(given.kill_after, 0.0), _kill_and_tell, (cluster,))
        if given.kill_after >= 0:
            killer.start()
        sketches, _, _ = spark_sketches(engine, str(path), None, config)
        found = findings(sketches.dataset(1), config)
        killer.cancel()
        if not given.connect:
            left = engine.session.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1
            print(f"executors that are there at the end: {left}")
        return found


def _kill_and_tell(cluster: Cluster) -> None:
    print(f"a worker was killed with {cluster.kill_worker() - 1} processes below it", flush=True)


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=120)
    parser.add_argument("--kill-after", type=float, default=12.0, help="seconds; negative: nobody is killed")
    parser.add_argument("--connect", action="store_true", help="hunt through a Spark Connect server")
    given = parser.parse_args()
    campaign = CampaignSpec(2, 20, name="plain", requests_per_account_day=40.0)
    world = build_world(WorldSpec(accounts=given.accounts, days=3, seed=5, campaigns=(campaign,)))
    config = Config.load({"collect": {"identity_key": KEY}}, environ={})
    with TemporaryDirectory(prefix="stillhunt-log-") as folder:
        part = -(-world.requests.num_rows // FILES)
        for number in range(FILES):
            pq.write_table(world.requests.slice(number * part, part), Path(folder) / f"part-{number}.parquet")
        expected = findings_of_one_machine(Path(folder), config)
        with standalone_cluster() as cluster:
            began = time.monotonic()
            found = findings_of_the_cluster(cluster, Path(folder), config, given)
            took = time.monotonic() - began
    different = [name for name, table in expected.items() if not found[name].equals(table)]
    print(
        f"{world.requests.num_rows} requests, {expected['campaigns'].num_rows} campaigns, {took:.0f} s on the cluster"
    )
    print(f"tables compared: {len(expected)}; different: {different or 'none'}")
    if different:
        raise SystemExit("FELL: the tables differ")


if __name__ == "__main__":
    main()
