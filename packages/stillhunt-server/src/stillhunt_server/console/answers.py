"""What pages answer with: a page from its template, or a table of it, which may be exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from starlette.responses import HTMLResponse, Response

from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.navigation import navigation
from stillhunt_server.console.rendering import templates
from stillhunt_server.console.tables import TableSpec, table_export, table_page


def render(request: PageRequest, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page for who asked for it."""
    shown: dict[str, Any] = {"viewer": request.viewer, "console": request.console, "path": request.path}
    shown |= {"navigation": navigation(), "newer": request.console.source.is_reading()}
    return HTMLResponse(templates().get_template(template).render({**shown, **values}), status)


def answer_table(
    request: PageRequest, template: str, spec: TableSpec, data: pa.Table, values: Mapping[str, Any]
) -> Response:
    """A page with a table, or the table's export where that is asked for.

    Args:
        template: of the page; the table is `view` in it.
    """
    export = table_export(spec, data, request.query)
    if export is not None:
        headers = {"content-disposition": f'attachment; filename="{export.name}"'}
        return Response(export.content, media_type=export.media_type, headers=headers)
    return render(request, template, {"view": table_page(spec, data, request.query), **values})


def answer_list(
    request: PageRequest, spec: TableSpec, data: pa.Table, title: str, headline: str, **more: Any
) -> Response:
    """A page that is a table with a heading.

    Args:
        more: `meaning` and `other` (where another list is, with its name).
    """
    values = {"title": title, "headline": headline, "meaning": "", "other": None, **more}
    return answer_table(request, "campaigns.html", spec, data, values)
