"""Where numba keeps machine code when none of its own places can be written, as for a service without a home.

numba looks for a place when a kernel is imported, and fails where there is none. So this runs before: with the package,
and without numba.
"""

import os
import stat
import sys
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
_PREFIX = "stillhunt-kernels-"


def choose_kernel_cache() -> None:
    """Point numba to a private folder in the temporary directory if it could write nowhere else."""
    if not any(map(_is_writable, _places_of_numba())):
        os.environ[VARIABLE] = _private_folder()


def is_temporary() -> bool:
    """Whether machine code is kept in the temporary directory, because nothing else can be written."""
    return Path(os.environ.get(VARIABLE, "")).name.startswith(_PREFIX)


def _places_of_numba() -> list[str]:
    """Where numba looks, in its order; a home that is not known is no place."""
    user = "~/Library/Caches" if sys.platform == "darwin" else os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    places = [os.environ.get(VARIABLE, ""), str(Path(__file__).parent / "__pycache__"), os.path.expanduser(user)]  # noqa: PTH111 - Path.expanduser raises
    return [place for place in places if place and not place.startswith("~")]


def _is_writable(place: str) -> bool:
    """Whether a folder can be written, or made where it is missing."""
    path = Path(place).absolute()
    while not os.path.lexists(path):
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _private_folder() -> str:
    """A folder that only this user can read and write, because what lies in it is executed.

    Anybody can make the shared one before us. One that is not ours alone is left where it is, and this process takes a
    folder of its own, which is removed in the end.
    """
    import tempfile  # rarely needed, and this module is part of every start

    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        seen = folder.lstat()  # of a link itself, not of what it points to
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o077:
            return _folder_of_this_process()
    return str(folder)


def _folder_of_this_process() -> str:
    import atexit  # rarely needed
    import shutil  # rarely needed
    import tempfile  # rarely needed

    from stillhunt.base.forced_end import remove_at_forced_end  # rarely needed

    folder = tempfile.mkdtemp(prefix=_PREFIX)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    remove_at_forced_end(Path(folder))
    return folder
