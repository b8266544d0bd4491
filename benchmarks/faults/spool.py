"""Harm to the spool: whatever was acknowledged is there once, or somebody is told that it is not.

A writer is a child process that acknowledges batches and is killed, or whose system calls fail; the files are then
harmed as disks, crashes and administrators do, and compared as a hunt compares them.
"""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from trials import Fell, Trial

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))

from served import Served, served

from stillhunt.watch.spool import closing as closing_module
from stillhunt.watch.spool.checking import check_spool
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.ledger import SpoolLedger
from stillhunt.watch.spool.parts import Stream, closed_parts, open_parts
from stillhunt.watch.spool.sums import sums_path
from stillhunt_server.receiving.committer import Committer

LINES, SPANS = Stream("gateway", "jsonl", "jsonl"), Stream("gateway", "traces", "pb")
TORN = (b"", b'{"torn', b"\0" * 4096, b'{"x": "\0"}\n{"y": 1}\n', b"\xff\xfe\n", b"\x0a\x7ftorn")
FAILING = ("write", "fdatasync", "fsync", "ftruncate", "rename", "open")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE)


def trials(seed: int) -> Iterator[Trial]:
    """All trials of the suite."""
    for number in range(50):
        for stream in (LINES, SPANS):
            yield _of("kill -9 and torn bytes", _kill, seed, number, stream)
            yield _of("bits of an open part and its sums", _flip_open, seed, number, stream)
    for number in range(12):
        for stream in (LINES, SPANS):
            for name, harm in HARMS.items():
                yield _of(f"closed part {name}", partial(_harm_closed, harm=harm), seed, number, stream)
    for number in range(60):
        yield _of("bits of the ledger", _flip_ledger, seed, number, LINES)
        yield _of("open part removed, renamed or cut", _remove_open, seed, number, LINES)
        yield _of("system calls that fail", _failing_calls, seed, number, (LINES, SPANS)[number % 2])
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        for number in range(10):
            yield _of("limits of the process", partial(_limited, limit=limit), seed, number, LINES)
    yield from _on_a_server()


def _of(
    group: str, run: Callable[[Path, random.Random, Stream], None], seed: int, number: int, stream: Stream
) -> Trial:
    def tried() -> None:
        chance = random.Random(f"{group} {seed} {number} {stream.ending}")  # noqa: S311 - no secret
        with tempfile.TemporaryDirectory() as scratch:
            spool = Path(scratch) / "spool"
            spool.mkdir()
            run(spool, chance, stream)

    return Trial(group, f"{stream.ending} {number}", tried)


def _batch(chance: random.Random, stream: Stream) -> bytes:
    """One to three records, some with zero bytes."""
    records = []
    for _ in range(chance.randint(1, 3)):
        text = bytes(chance.choice(b"\0\0abcdefgh ") for _ in range(chance.randint(1, 100)))
        records.append(b'{"%s": 1}\n' % text if stream == LINES else b"\x0a" + bytes([len(text)]) + text)
    return b"".join(records)


def _commit(committer: Committer, data: bytes, stream: Stream) -> bool:
    came, answers = threading.Event(), list[OSError | None]()
    committer.submit(stream, data, lambda error: (answers.append(error), came.set())[0])
    came.wait()
    return answers == [None]


def _child(work: Callable[[Callable[[bytes], None]], None]) -> list[bytes]:
    """Run something in a process that kills itself at its end; returns the batches that it said were acknowledged."""
    read, write = os.pipe()
    if not (pid := os.fork()):
        with suppress(BaseException):
            work(lambda data: (os.write(write, data.hex().encode() + b"\n"), None)[1])
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        acknowledged = [bytes.fromhex(line.decode()) for line in said.read().split(b"\n") if line]
    os.waitpid(pid, 0)
    return acknowledged


def _writing(spool: Path, batches: Sequence[bytes], stream: Stream) -> list[bytes]:
    """Acknowledge batches in a process that is killed while its part is open."""

    def work(acknowledged: Callable[[bytes], None]) -> None:
        committer = Committer(spool)
        for data in batches:
            if _commit(committer, data, stream):
                acknowledged(data)

    return _child(work)


def _kept(spool: Path, acknowledged: Sequence[bytes], *, said: bool) -> None:
    """Fall where something acknowledged is lost or doubled, and nobody is told."""
    content = b"".join(part.read_bytes() for part in closed_parts(spool))
    wrong = [one.statement for one in check_spool(spool)]
    if content != b"".join(acknowledged) and not wrong:
        raise Fell(f"{len(content)} bytes are there, {len(b''.join(acknowledged))} were acknowledged; nothing is said")
    if wrong and not said:
        raise Fell(f"a false alarm: {wrong[0]}")
    if open_parts(spool):
        raise Fell("a part stays open")


def _kill(spool: Path, chance: random.Random, stream: Stream) -> None:
    batches = [_batch(chance, stream) for _ in range(chance.randint(1, 12))]
    acknowledged = _writing(spool, batches, stream)
    for path in open_parts(spool):
        with path.open("ab") as file:
            file.write(chance.choice(TORN[:3] if stream == LINES else TORN))
        if chance.random() < 0.3:
            with sums_path(path).open("ab") as file:
                file.write(b"0123 45")
    close_left_behind(spool)
    content = b"".join(part.read_bytes() for part in closed_parts(spool))
    if not content.startswith(b"".join(acknowledged)):
        raise Fell("something acknowledged is lost")


def _flip_open(spool: Path, chance: random.Random, stream: Stream) -> None:
    acknowledged = _writing(spool, [_batch(chance, stream) for _ in range(8)], stream)
    (path,) = open_parts(spool)
    _flip(path if chance.random() < 0.5 else sums_path(path), chance)
    close_left_behind(spool)
    _kept(spool, acknowledged, said=True)


def _flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 2)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


HARMS: dict[str, Callable[[Path, random.Random], object]] = {
    "with flipped bits": _flip,
    "deleted": lambda path, _: path.unlink(),
    "renamed": lambda path, _: path.rename(path.with_name("part-other.jsonl")),
    "cut": lambda path, chance: os.truncate(path, chance.randrange(path.stat().st_size)),
    "grown": lambda path, chance: os.truncate(path, path.stat().st_size + chance.randint(1, 5000)),
    "copied": lambda path, _: shutil.copy(path, path.with_name("part-copy.jsonl")),
    "whose folder is gone": lambda path, _: shutil.rmtree(path.parent),
}


def _harm_closed(
    spool: Path, chance: random.Random, stream: Stream, *, harm: Callable[[Path, random.Random], object]
) -> None:
    committer = Committer(spool)
    acknowledged = [_batch(chance, stream) for _ in range(3)]
    for data in acknowledged:
        _commit(committer, data, stream)
    committer.stop()
    if chance.random() < 0.5:
        _kept(spool, acknowledged, said=False)
    (path,) = closed_parts(spool)
    before = path.read_bytes()
    harm(path, chance)
    if path.exists() and path.read_bytes() == before and len(closed_parts(spool)) == 1:
        return  # two flips of one bit
    for _ in range(2):
        if not check_spool(spool):
            raise Fell("nothing is said")


def _flip_ledger(spool: Path, chance: random.Random, stream: Stream) -> None:
    acknowledged = []
    for _ in range(2):
        committer = Committer(spool)
        acknowledged.append(_batch(chance, stream))
        _commit(committer, acknowledged[-1], stream)
        committer.stop()
        ledger = SpoolLedger(spool).path
        before = ledger.read_bytes()
        _flip(ledger, chance)
        if ledger.read_bytes() != before and not check_spool(spool):
            raise Fell("nothing is said")
    _kept(spool, acknowledged, said=True)


def _remove_open(spool: Path, chance: random.Random, stream: Stream) -> None:
    committer, acknowledged, cut = Committer(spool), [], False
    for _ in range(8):
        data = _batch(chance, stream)
        if _commit(committer, data, stream):
            acknowledged.append(data)
        for path in open_parts(spool) if chance.random() < 0.4 else ():
            way = chance.randrange(4)
            cut = cut or way == 3
            with suppress(FileNotFoundError):  # the writer has just saved it
                if way == 0:
                    path.unlink()
                elif way == 1:
                    path.rename(spool.parent / f"away-{chance.random()}")
                elif way == 2:
                    shutil.rmtree(path.parents[1], ignore_errors=True)
                else:
                    os.truncate(path, path.stat().st_size // 2)
    committer.stop()
    _kept(spool, acknowledged, said=cut)


def _failing_calls(spool: Path, chance: random.Random, stream: Stream) -> None:
    batches = [_batch(chance, stream) for _ in range(12)]

    def work(acknowledged: Callable[[bytes], None]) -> None:
        committer = Committer(spool)
        for name in FAILING:
            setattr(closing_module.os, name, _sometimes(getattr(os, name), chance))
        for data in batches:
            if _commit(committer, data, stream):
                acknowledged(data)

    real_write = os.write

    def told(acknowledged: Callable[[bytes], None]) -> None:
        lines: list[bytes] = []
        work(lines.append)
        os.write = real_write
        for line in lines:
            acknowledged(line)

    acknowledged = _child(told)
    close_left_behind(spool)
    content = b"".join(part.read_bytes() for part in closed_parts(spool))
    at = 0
    for data in acknowledged:  # what was refused may be there as well: its sender sends it again, and it counts once
        at = content.find(data, at) + len(data)
        if at < len(data):
            raise Fell("something acknowledged is lost")
    if wrong := check_spool(spool):
        raise Fell(f"a false alarm: {wrong[0].statement}")


def _sometimes(real: Callable[..., object], chance: random.Random) -> Callable[..., object]:
    def call(*given: object, **named: object) -> object:
        if chance.random() < 0.15:
            number = chance.choice(ERRORS)
            raise OSError(number, os.strerror(number))
        return real(*given, **named)

    return call


def _limited(spool: Path, chance: random.Random, stream: Stream, *, limit: int) -> None:
    """A child that may write only small files, or open only few: what it refuses is refused, and the rest is kept."""

    def work(acknowledged: Callable[[bytes], None]) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        committer = Committer(spool)
        opened = len(list(Path("/proc/self/fd").iterdir()))
        most = 700 if limit == resource.RLIMIT_FSIZE else opened + chance.randint(0, 3)
        resource.setrlimit(limit, (most, most))
        for _ in range(12):
            data = _batch(chance, stream)
            if _commit(committer, data, stream):
                acknowledged(data)

    acknowledged = _child(work)
    close_left_behind(spool)
    content = b"".join(part.read_bytes() for part in closed_parts(spool))
    if any(data not in content for data in acknowledged):
        raise Fell("something acknowledged is lost")


def _on_a_server() -> Iterator[Trial]:
    """A real server: raw zero bytes and kill -9, then a part that somebody deletes."""
    place = tempfile.mkdtemp()
    data = Path(place) / "data"
    only = ("--only", "ingest", "--only", "web", "--set", "serve.free_gb=0")

    def killed() -> None:
        with served(data, only) as server:
            _post(server, b"".join(b'{"request_id": "a%d"}\n' % number for number in range(100)))
            _post(server, b'{"request_id": "zero", "prompt": "\0"}\n')
            for first in range(0, 1000, 100):
                _post(server, b"".join(b'{"request_id": "b%d"}\n' % number for number in range(first, first + 100)))
            server.process.kill()
            server.process.wait()
        with served(data, only):
            pass
        lines = b"".join(part.read_bytes() for part in closed_parts(data / "spool")).splitlines()
        if len(set(lines)) != 1101:
            raise Fell(f"{len(set(lines))} of 1,101 acknowledged records are there")

    def removed() -> None:
        with served(data, only) as server:
            _post(server, b'{"request_id": "c"}\n')
            for path in open_parts(data / "spool"):
                path.unlink()
            _post(server, b'{"request_id": "d"}\n')
            if "removed or renamed" not in _ready(server):
                raise Fell("/readyz says nothing")
        if len(set(b"".join(p.read_bytes() for p in closed_parts(data / "spool")).splitlines())) != 1103:
            raise Fell("acknowledged records are lost")
        if wrong := check_spool(data / "spool"):
            raise Fell(f"a false alarm: {wrong[0].statement}")
        shutil.rmtree(place)

    yield Trial("a server", "raw zero byte and kill -9", killed)
    yield Trial("a server", "open part removed", removed)


def _post(server: Served, body: bytes) -> None:
    answer = json.loads(server.call("POST", "/v1/ingest/jsonl", body))
    if answer["refused"]:
        raise Fell(f"records were refused: {answer}")


def _ready(server: Served) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz") as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()
