"""Machine code that came with the wheel, put where numba looks for it, so that the first hunt compiles nothing.

A wheel for one platform (`.ci/kernel_wheel.py` makes it) holds the files of numba's cache for every kernel, compiled
for instructions that nearly all machines have. numba would pass them over, because each entry of its index names the
processor that compiled it. So they are copied, and their entries are given the name of this processor, once it is
certain that they fit: the same kernels, the same numba and Python, and a processor that has all those instructions.
"""

import json
import pickle
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llvmlite.binding

import stillhunt

_PACKAGE = Path(stillhunt.__file__).parent
SHIPPED_KERNELS = _PACKAGE / "shipped_kernels"
"""Files of numba's cache in folders as those of the sources; absent in a clone and in the wheel for all platforms."""
KERNEL_FACTS = "kernels.json"
"""What they were compiled from and for, as `kernel_facts` says it."""


def kernel_facts(key: str, features: Sequence[str]) -> dict[str, Any]:
    """What machine code compiled here fits: the key of the sources and of numba, and LLVM's names of features."""
    python = ".".join(map(str, sys.version_info[:2]))
    triple = llvmlite.binding.get_process_triple()
    return {"key": key, "python": python, "triple": triple, "features": list(features)}


def unpack_kernels(kernels: Sequence[Any], key: str) -> bool:
    """Copy what was shipped to where numba looks; whether all is there now, or numba has to compile the rest."""
    try:
        facts = json.loads((SHIPPED_KERNELS / KERNEL_FACTS).read_text(encoding="utf-8"))
        has = llvmlite.binding.get_host_cpu_features()
        if facts != kernel_facts(key, facts["features"]) or not all(has.get(name) for name in facts["features"]):
            return False
        kept = next(kernel for kernel in kernels if kernel.stats.cache_path is not None)
        for index in sorted(SHIPPED_KERNELS.rglob("*.nbi")):
            _unpack_index(index, kept)
    except Exception:  # the parts of numba that are used here are private to it; without them it compiles
        return False
    return True


def _unpack_index(index: Path, kept: Any) -> None:
    """Copy the machine code of one function, by its shipped index, to where numba keeps that of any kernel."""
    source = _PACKAGE / index.parent.relative_to(SHIPPED_KERNELS) / f"{index.name.split('.')[0]}.py"
    place = type(kept._cache._impl.locator).from_function(kept.py_func, str(source))
    folder = Path(place.get_cache_path())
    with index.open("rb") as file:
        pickle.load(file)  # noqa: S301 - part of this program, like its modules
        _, entries = pickle.load(file)  # noqa: S301 - as above
    processor = kept.targetctx.codegen().magic_tuple()
    named = {(signature, processor, code): data for (signature, _, code), data in entries.items()}
    for data in named.values():
        beside = folder / f"{data}.part"
        shutil.copyfile(index.with_name(data), beside)
        beside.replace(folder / data)  # another process may be reading the former one
    index_file = type(kept._cache._cache_file)(str(folder), index.stem, place.get_source_stamp())
    index_file._save_index(named)
