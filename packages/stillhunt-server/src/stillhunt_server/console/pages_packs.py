"""Evidence packs in the console: kept in the data folder, fetched by those who may see the case."""

from __future__ import annotations

from starlette.responses import FileResponse, Response

from stillhunt.base.errors import CaseError
from stillhunt.watch.subject.packs import packs_of
from stillhunt_server.console.context import PageRequest


def pack(request: PageRequest) -> Response:
    """An evidence pack as a file."""
    name, folder = request.route["name"], request.console.folder
    found = {path.name: path for path, _ in packs_of(folder.path)} if folder is not None else {}
    if name not in found:
        raise CaseError("there is no such pack", where="the address", next_step="it may have expired; make another one")
    request.look("pack", name)
    return FileResponse(found[name], filename=name, media_type="application/zip")
