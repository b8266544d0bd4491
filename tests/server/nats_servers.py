"""A NATS server of its own for tests, with JetStream, that can be stopped and started again on its port and files."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig

from server.serving import free_port

STREAM, SUBJECTS = "calls", "calls.>"
Message = tuple[str, bytes, dict[str, str]]
"""Subject, payload, headers."""


def program() -> str:
    """The server, from a package of the environment or of the system; skips where there is none."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None and os.environ.get("STILLHUNT_REQUIRE_SERVICES") != "1":
        pytest.skip("nats-server is not installed")
    return found or "nats-server"


@dataclass
class Broker:
    """A server that keeps its stream in a folder."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://warden:s3cret@127.0.0.1:{self.port}"

    def start(self) -> None:
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}", max_memory_store: 16MB }}\n'
            'authorization { user: "warden", password: "s3cret" }\n'
        )
        self.process = subprocess.Popen([program(), "-c", str(config)], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                threading.Event().wait(0.05)
        raise TimeoutError("nats-server did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def make_stream(self) -> None:
        async def make() -> None:
            client = await nats.connect(self.url)
            await client.jetstream().add_stream(StreamConfig(name=STREAM, subjects=[SUBJECTS]))
            await client.close()

        asyncio.run(make())

    def publish(self, messages: Sequence[Message]) -> None:
        async def send() -> None:
            client = await nats.connect(self.url)
            stream = client.jetstream()
            for subject, payload, headers in messages:
                await stream.publish(subject, payload, headers=headers or None, timeout=10)
            await client.close()

        asyncio.run(send())

    def unacknowledged(self, consumer: str = "stillhunt") -> int:
        """Messages that were not delivered or not acknowledged yet."""

        async def ask() -> int:
            client = await nats.connect(self.url)
            info = await client.jetstream().consumer_info(STREAM, consumer)
            await client.close()
            return (info.num_pending or 0) + (info.num_ack_pending or 0)

        return asyncio.run(ask())


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    folder.mkdir()
    server = Broker(folder)
    server.start()
    try:
        server.make_stream()
        yield server
    finally:
        server.kill()
