"""Compile every kernel before the first hunt, under a bar, on two cores.

numba compiles a kernel when it is first called and keeps the machine code on disk. Left to itself, the first hunt
compiles for one to two minutes between its steps, on one core, while the bar of some step stands still. Compiling holds
a lock of the process, so it is spread over processes: one hunts a very small world, the other compiles the search for
groups, which is the largest kernel by far. A wheel that brings machine code for this machine spares all that.
"""

import contextlib
import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import llvmlite.binding
import numba
import pyarrow as pa
from numba.core import event
from numba.core.registry import CPUDispatcher
from pyarrow import parquet

import stillhunt
from stillhunt.base.forced_end import kill_at_forced_end
from stillhunt.base.progress import Advance, Progress
from stillhunt.cli.shipped_kernels import unpack_kernels

COMPILING_TAKES = "one to two minutes on two cores"
_WORLD = Path(__file__).parent / "compiling_world"
"""A very small log: `spec_for_rung(1, accounts=150, days=4, campaign_accounts=12)` of stillhunt-lab, written once."""
STAMP = "stillhunt-kernels.txt"
"""Beside numba's cache: the key of the kernels that were compiled there, written when all are."""


def is_compiled() -> bool:
    """Whether all kernels of this version were compiled on this machine."""
    try:
        return _locate_compile_stamp().read_text(encoding="ascii") == _hash_compile_inputs()
    except OSError:
        return False


def compile_once(progress: Progress) -> None:
    """Compile the kernels, as one step of progress, if that was not done; the hunt itself compiles what is left."""
    if is_compiled():
        return
    with _hold_compile_lock(progress):
        if is_compiled():  # by the hunt for which this one waited
            return
        kernels = all_kernels()
        done = unpack_kernels(kernels, source_key())
        if not done:
            with progress.stage("compiling once", len(kernels), "kernels") as advance:
                done = compile_parts(advance, COMPILED_PARTS)
        if done:
            _locate_compile_stamp().write_text(_hash_compile_inputs(), encoding="ascii")


@contextlib.contextmanager
def _hold_compile_lock(progress: Progress) -> Iterator[None]:
    """Let one process at a time compile; without locks of files, as on Windows, all compile."""
    try:
        import fcntl  # Unix only

        lock = _locate_compile_stamp().with_suffix(".lock").open("w")
    except (ImportError, OSError):
        yield
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note(f"another hunt is compiling, which takes {COMPILING_TAKES}; this one waits for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
        yield


def compile_parts(advance: Advance, parts: Iterable[str]) -> bool:
    """Compile some of `COMPILED_PARTS`, each in a process of its own; whether all went well."""
    seen: set[str] = set()
    lock = threading.Lock()
    command = [sys.executable, "-m", "stillhunt.cli.compiling"]
    children = [
        subprocess.Popen([*command, part], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: S603 - our own module
        for part in parts
    ]
    for child in children:
        kill_at_forced_end(child)

    def follow(child: subprocess.Popen[str]) -> None:
        for name in child.stdout or ():
            with lock:
                if name not in seen:
                    seen.add(name)
                    advance(1)

    readers = [threading.Thread(target=follow, args=(child,)) for child in children]
    try:
        for reader in readers:
            reader.start()
        codes = [child.wait() for child in children]
        return not any(codes)
    finally:
        for child in children:
            child.kill()
        for reader, child in zip(readers, children, strict=True):
            reader.join()
            child.communicate()  # closes the pipe


def all_kernels() -> list[CPUDispatcher]:
    """All kernels, those too that are compiled into others."""
    modules = [module.name for module in walk_packages(stillhunt.__path__, "stillhunt.") if "kernels" in module.name]
    found = {id(value): value for name in modules for value in vars(import_module(name)).values()}
    return [value for value in found.values() if isinstance(value, CPUDispatcher)]


def _locate_compile_stamp() -> Path:
    from stillhunt.link.requests.request_kernels import order_rows  # any kernel; importing numba takes a second

    return Path(str(order_rows.stats.cache_path)) / STAMP


def _hash_compile_inputs() -> str:
    """What the machine code here depends on: our kernels and their parameters, numba, and the processor."""
    return f"{source_key()} {llvmlite.binding.get_host_cpu_name()}"


def source_key() -> str:
    """What machine code for any processor depends on: our kernels and their parameters, and numba."""
    digest = hashlib.sha256(numba.__version__.encode())
    package = Path(stillhunt.__file__).parent
    # no bytecode: it comes and goes with what was imported, and every command would compile once more
    for path in sorted(
        path for name in ("*kernels*.py", "parameters.py", "parameters.toml") for path in package.rglob(name)
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Reporter(event.Listener):
    """Prints the name of each of our kernels that was compiled."""

    def on_start(self, event: Any) -> None:
        """Nothing: only what is done is reported."""

    def on_end(self, event: Any) -> None:
        """Report one kernel."""
        function = event.data["dispatcher"].py_func
        if function.__module__.startswith("stillhunt."):
            print(function.__module__, function.__qualname__, flush=True)  # noqa: T201 - the parent reads it


def _compile_hunt_kernels() -> None:
    requests, accounts = (parquet.read_table(_WORLD / f"{name}.parquet") for name in ("requests", "accounts"))
    config = stillhunt.Config(threads=1)  # compiling in the same order every time
    stillhunt.hunt(_with_texts_of_chats(requests), accounts, config)


def _with_texts_of_chats(requests: pa.Table) -> pa.Table:
    """The log with answers, and as chats send it: each turn repeats the earlier ones of its conversation."""
    prompts: list[str] = []
    said: dict[str | None, str] = {}
    for name, prompt in zip(*(requests[one].to_pylist() for one in ("conversation_id", "prompt")), strict=True):
        prompts.append(said.get(name, "") + prompt)
        said[name] = prompts[-1] + "\n" if name else ""
    resent = requests.set_column(requests.column_names.index("prompt"), "prompt", pa.array(prompts, pa.large_string()))
    return resent.append_column("response", requests["prompt"])


def _compile_search_kernels() -> None:
    from stillhunt.link.groups.groups import compile_search  # start-up time of the other part

    compile_search()


COMPILED_PARTS: dict[str, Callable[[], None]] = {"hunt": _compile_hunt_kernels, "search": _compile_search_kernels}
"""What is compiled at the same time: some 85 and 40 s of CPU where it was measured (benchmarks/speed/first_run.py)."""


if __name__ == "__main__":
    event.register("numba:compile", _Reporter())  # type: ignore[no-untyped-call]  # numba has no types
    COMPILED_PARTS[sys.argv[1]]()
