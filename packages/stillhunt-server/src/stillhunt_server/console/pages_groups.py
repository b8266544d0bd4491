"""Groups that were looked at and left alone: nobody in them is accused."""

from __future__ import annotations

import pyarrow as pa
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt_server.console.answers import answer_list
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import probability_of
from stillhunt_server.console.rendering import campaign_url
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.console.table_query import TableColumn
from stillhunt_server.console.tables import TableSpec


def groups_spec() -> TableSpec:
    """The table of groups that were looked at and have no verdict: nobody in them is accused."""
    columns = (
        TableColumn("campaign_id", "Group", "id"),
        TableColumn("probability", "Probability", "figure", shown=probability_of("probability")),
        TableColumn("margin", "What it lacks", "text"),
        TableColumn("strongest_for", "Strongest evidence for", "text"),
        TableColumn("strongest_against", "Strongest evidence against", "text"),
        TableColumn("accounts", "Accounts", "figure", link=lambda row: campaign_url(row["campaign_id"], "members")),
        TableColumn("requests", "Requests", "figure"),
    )
    return TableSpec(
        "groups",
        columns,
        lambda row: campaign_url(row["campaign_id"]),
        "Every group that was looked at has a verdict.",
    )


def groups_table(shown: ShownCase) -> pa.Table:
    """Groups that have no verdict, the most probable first."""
    rows = [
        {
            "campaign_id": one.row["campaign_id"],
            "probability": one.row["score"],
            "margin": one.margin,
            "strongest_for": one.total.supporting[0].shown if one.total.supporting else "",
            "strongest_against": one.total.opposing[0].shown if one.total.opposing else "",
            "accounts": one.row["accounts"],
            "requests": one.row["requests"],
        }
        for one in shown.model.of_verdict("none")
    ]
    texts = ("campaign_id", "margin", "strongest_for", "strongest_against")
    fields = [(name, pa.string()) for name in texts]
    fields += [("probability", pa.float64()), ("accounts", pa.int64()), ("requests", pa.int64())]
    return pa.Table.from_pylist(rows, pa.schema(fields))


def groups(request: PageRequest) -> Response:
    """Groups that were looked at and have no verdict."""
    data = groups_table(request.case)
    meaning = "Nobody in them is accused. They are here so that you can check what was not found, and why."
    headline = f"{formatting.plural(data.num_rows, 'group')} without a verdict"
    other = ("/campaigns", "Back to the queue")
    return answer_list(request, groups_spec(), data, "Without a verdict", headline, meaning=meaning, other=other)
