"""Keys for compiled kernels that are kept on disk.

numba keeps the machine code of a function with `cache=True` as long as the file of that function stays unchanged. It
does not look at other files whose functions or constants were compiled in, nor at parameters that were moved. The rule:
a kernel that is compiled from several files is made by a factory that takes the key of its folder, and returns that key
as a result; numba hashes the variables that a function closes over, so a changed key means another entry on disk.
A kernel that is compiled from one file alone takes every parameter as an argument, and needs no key.
"""

import hashlib
from pathlib import Path
from typing import Any

NOT_FROM_PYTHON: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of a kernel that kernels alone call: it is not written for Python and for C as well, a sixth of its time."""


def folder_key(file: str, *parameters: Any) -> int:
    """Key, 56 bits, of all that a kernel is compiled from: the Python files beside `file`, and parameter tables."""
    digest = hashlib.sha256(repr(parameters).encode())
    for path in sorted(Path(file).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "little")
