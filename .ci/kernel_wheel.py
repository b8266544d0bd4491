"""Add the machine code of all kernels to a wheel of stillhunt, for this platform and this version of Python.

    python .ci/kernel_wheel.py dist/stillhunt-0.1.0-py3-none-any.whl dist

It takes one to two minutes of CPU. pip prefers the wheel that comes out where it fits, and takes the one for all
platforms elsewhere. `stillhunt.cli.shipped_kernels` unpacks the code on the machine where it is to run.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INSTRUCTIONS = {
    # level 3 of x86-64: processors for servers since 2013 (Intel Haswell) and 2017 (AMD Zen)
    "x86_64": (
        "x86-64-v3",
        ["avx2", "bmi", "bmi2", "cx16", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sse4.2", "xsave"],
    ),
    "aarch64": ("generic", ["neon"]),
    "arm64": ("generic", ["neon"]),
}
PLATFORMS = {"linux": "manylinux_2_28", "darwin": "macosx_12_0"}
"""What pip calls a platform on which numba itself has wheels."""
FACTS = (
    "import json, sys; from stillhunt.cli.compiling import source_key; from stillhunt.cli.shipped_kernels import *\n"
    "print(json.dumps(kernel_facts(source_key(), sys.argv[1:])))"
)


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


def compile_kernels(tree: Path) -> None:
    """Compile next to the sources, in the same order every time, and move the code to `shipped_kernels`."""
    processor, features = INSTRUCTIONS[platform.machine()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "STILLHUNT_"))}
    environment |= {
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": ",".join(f"+{name}" for name in features),
    }
    for part in ("hunt", "search"):
        run(sys.executable, "-m", "stillhunt.cli.compiling", part, environment=environment)
    package = tree / "stillhunt"
    shipped = package / "shipped_kernels"
    for file in sorted(package.rglob("__pycache__/*.nb[ci]")):
        place = shipped / file.parent.parent.relative_to(package)
        place.mkdir(parents=True, exist_ok=True)
        file.rename(place / file.name)
    for folder in sorted(package.rglob("__pycache__")):
        shutil.rmtree(folder)
    facts = json.loads(run(sys.executable, "-c", FACTS, *features, environment=environment))
    (shipped / "kernels.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def main(wheel: Path, out: Path) -> None:
    version = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    with tempfile.TemporaryDirectory() as scratch:
        run(sys.executable, "-m", "wheel", "unpack", str(wheel), "--dest", scratch)
        (tree,) = Path(scratch).iterdir()
        compile_kernels(tree)
        packed = Path(scratch) / "packed"
        packed.mkdir()
        run(sys.executable, "-m", "wheel", "pack", str(tree), "--dest-dir", str(packed))
        (made,) = packed.iterdir()
        tags = ("--python-tag", version, "--abi-tag", "none")
        machine = f"{PLATFORMS[sys.platform]}_{platform.machine()}"
        run(sys.executable, "-m", "wheel", "tags", "--remove", *tags, "--platform-tag", machine, str(made))
        (made,) = packed.iterdir()
        shutil.copyfile(made, out / made.name)
    print(out / made.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
