"""The honest explanations that a dossier weighs beside a harvest: what each would predict, and how to check it."""

from __future__ import annotations

from dataclasses import dataclass

BY_CHANCE = "chance"
"""The explanation that is weighed by the false-alarm budget and not by kinds of evidence."""


@dataclass(frozen=True)
class HonestExplanation:
    """One way in which honest accounts could leave the traces of a campaign.

    Attributes:
        key: short name in the tables of this room.
        name: for readers, as a noun phrase without a capital.
        predicts: what the log would show if it were true, in a sentence.
        check: what would settle it, outside of the log, in a sentence.
        clears: whom it would clear, in a sentence.
    """

    key: str
    name: str
    predicts: str
    check: str
    clears: str


EXPLANATIONS = (
    HonestExplanation(
        "course",
        "a class or course with one assignment",
        "People of one place open accounts within weeks, ask about one subject, send some of the same prompts, and ask "
        "follow-up questions.",
        "Ask the school or the organiser for the assignment and its dates.",
        "It would clear all members.",
    ),
    HonestExplanation(
        "company",
        "the seats of one company",
        "The accounts openly belong to one customer and keep its office hours and calendar; each works on tasks of its "
        "own.",
        "Ask the customer's account manager; compare contract, invoices and mail domain.",
        "It would clear all members.",
    ),
    HonestExplanation(
        "application",
        "an application or reseller with many users",
        "Accounts wrap the words of many users in the application's prompt, so their topics are nearly those of all "
        "customers, and their volumes follow its users.",
        "Ask which application sends the prompt, and read a sample of its users' questions.",
        "It would clear the accounts; a reseller may still need a contract.",
    ),
    HonestExplanation(
        "framework",
        "a public framework or template",
        "Customers who do not know each other use the same published wording and default settings, on subjects and "
        "at times of their own.",
        "Search public code and prompt collections for the wording.",
        "It would clear all members.",
    ),
    HonestExplanation(
        "benchmark",
        "a benchmark or evaluation harness",
        "Accounts send the same public items in the same wrapper, in bursts, without follow-up questions; the prompts "
        "repeat between accounts.",
        "Search the prompts in public test sets, and ask who evaluates your models.",
        "It would clear all members.",
    ),
    HonestExplanation(
        "dataset",
        "one person's own data set",
        "One person's script works through a list with few accounts, one client and one payment instrument.",
        "Ask the account holder what the list is and what the answers are for.",
        "It would clear the person unless the terms forbid several accounts.",
    ),
    HonestExplanation(
        "fleet",
        "the agents or automation of a single customer",
        "One customer's programs share a work queue, a schedule, clients and settings; the accounts openly belong to "
        "that customer.",
        "Ask the customer; compare contract, payer and mail domain. The log alone cannot tell a customer's own fleet "
        "from a harvest.",
        "It would clear all members.",
    ),
    HonestExplanation(
        "keys",
        "shared accounts or compromised keys",
        "Accounts that were opened long before send traffic of their owners, and beside it the work of somebody else.",
        "Compare each account's earlier traffic, clients and networks; ask the owners whether they shared a key.",
        "It would clear the account holders, not whoever used their keys.",
    ),
    HonestExplanation(
        BY_CHANCE,
        "chance in a large log",
        "A search among many accounts meets honest groups that look alike, and the more accounts and days, the more "
        "alike.",
        "Hunt the week before and the week after: a chance group does not come back.",
        "It would clear all members.",
    ),
)
"""In the order of all tables and pages where nothing else orders them."""

EXPLANATION_OF = {one.key: one for one in EXPLANATIONS}

BY_KINDS = tuple(one.key for one in EXPLANATIONS if one.key != BY_CHANCE)
"""Those that are weighed by kinds of evidence."""
