"""Two reports of one campaign from the facts of its case: for a government's list, and for customers.

Neither names an account, a person or a request. The first says what the operator does: a lab collects answers; a
provider of account networks opens and lends the accounts, and may know nothing of what they are for. The
second says no method of finding, which would teach how to avoid it.
"""

from collections.abc import Iterator
from typing import Literal

import pyarrow.compute as pc

from stillhunt.case import Case, resolve_id, stays_here
from stillhunt.tools import escape_controls, formatting, shorten

Readers = Literal["government", "customers"]
_FINDINGS_SHOWN = 6
_ROLES = {
    "harvest": "Collects answers of the model in bulk, as a laboratory does that trains a model on them.",
    "posing": "Runs accounts that pose as separate customers; what they are for does not show.",
    "account_farm": "Provides account networks: many accounts of one holder, used one after another.",
    "relay": "Provides account networks: accounts through which many people ask.",
}
"""Kind of a campaign -> what its operator does."""
_IN_CUSTOMERS_WORDS = ("Subjects", "Range")
"""Beginnings of what is said of a harvest in words from prompts, or against what other customers ask."""
_NOT_SAID = (
    "The findings are probabilities from request logs, and no proof of who is behind the accounts. The accounts, "
    "addresses and requests behind them are kept, and can be handed over as a signed evidence pack."
)


def report_text(case: Case, campaign: str, readers: Readers, *, entity: str = "", basis: str = "") -> str:
    """A report in Markdown.

    Args:
        campaign: its id, or the beginning of it.
        entity: who is believed to be behind it, and only with `basis`, on what that rests.

    Raises:
        CaseError: no campaign has this id, or several begin with it.
    """
    _, name = resolve_id(case.tables, campaign, ("campaign",))
    lines = _government_lines(case, name, entity, basis) if readers == "government" else _customer_lines(case, name)
    return "\n".join(lines) + "\n"


def _government_lines(case: Case, name: str, entity: str, basis: str) -> Iterator[str]:
    (model,) = [one for one in case.model.campaigns if one.row["campaign_id"] == name]
    row, origins = model.row, dict(model.origins)
    yield "# Report on unauthorised collection of a model's answers"
    yield f"\nCampaign {model.name}, {formatting.between(row['first_seen'], row['last_seen'])}.\n"
    yield "## Entity\n"
    yield f"{_clean(entity)}. This rests on: {_clean(basis)}." if entity else "Not known."
    yield f"\n{_ROLES.get(row['kind'], 'What its operator does is not known.')}"
    sets = case.operators.to_pylist()
    tied = [one for one in sets if (one["campaign_id"], one["relation"]) == (name, "one_operator")]
    kinds = {one["campaign_id"]: one["kind"] for one in case.campaigns.to_pylist()}
    others = sorted({kinds.get(other["tied_to"], "") for other in tied if other["tied_to"]} - {"", row["kind"]})
    for kind in others:
        yield f"\nThe same operator also runs another campaign: {_ROLES.get(kind, 'of a kind that is not known.')}"
    yield "\n## Accounts\n"
    own = case.accounts.filter(pc.equal(case.accounts["campaign_id"], name))
    flagged = own["flagged"].to_pylist().count(True)
    yield f"{formatting.plural(row['accounts'], 'account')}; {formatting.count(flagged)} of them are surely members."
    yield "\n## Methods\n"
    shown = [term for term in model.strongest if not stays_here(term.kind)][:_FINDINGS_SHOWN]
    yield from (f"- {formatting.sentence(_clean(term.shown))}" for term in shown)
    yield "\n## Hosting\n"
    yield from (f"- {label}: {_clean(words)}" for label, words in origins.items())
    if not origins:
        yield "The log does not say from where the requests came."
    yield "\n## Harm\n"
    taken = [one for one in case.what_was_taken(name) if not one.startswith(_IN_CUSTOMERS_WORDS)]
    yield from (f"- {_clean(one)}" for one in taken or ("What was taken is not known.",))
    yield "\n## How sure this is\n"
    yield f"That this is one operation: {model.probability} ({model.likelihood})."
    # The first sentence is the finding; what follows is for whoever looks into the case.
    yield from (f"- {formatting.sentence(_clean(one.split('. ')[0]))}" for one in model.explanations)
    yield f"\n{_NOT_SAID}"


def _customer_lines(case: Case, name: str) -> Iterator[str]:
    (model,) = [one for one in case.model.campaigns if one.row["campaign_id"] == name]
    row = model.row
    yield "# What happened, and what it means for you"
    seen = formatting.between(row["first_seen"], row["last_seen"])
    accounts, requests = formatting.plural(row["accounts"], "account"), formatting.plural(row["requests"], "request")
    yield f"\n{seen}: {accounts} that appear to be run as one sent {requests} to collect answers of our models."
    yield "\nThey asked our models and kept the answers; the log holds nothing else that they did."
    yield "\nEvery decision about such an account can be appealed. If yours was limited and you think that this is"
    yield "wrong, appeal with the number that you were given; somebody who did not decide looks at it again."


def _clean(text: str) -> str:
    """A text on one line that is no markup of its own."""
    plain = escape_controls(shorten(" ".join(text.split()), 600))
    return "".join(f"\\{one}" if one in "\\`*_[]<>#|" else one for one in plain)
