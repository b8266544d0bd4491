"""Redaction: labels replace what a text of a log says about people, and secrets that give access.

Logs of proxied traffic hold other people's names, addresses and live credentials. Whatever shows a piece of such a text
shows it redacted, and `redacted` is the one function that does it. When in doubt it hides: an excerpt only has to show
the shape of a request. What it cannot find stays: docs/howto/privacy.md says how much that is.

Rules run one after another, each on the whole text that the rules before it left: first for what has a distinctive
form, then for numbers that the words before them explain, then for other numbers and random strings, and last for
names.
"""

from stillhunt.base.redaction.contacts import CONTACT_RULES, PHONE_RULES, POSTAL_RULES
from stillhunt.base.redaction.credentials import CREDENTIAL_RULES, ENCODED_RULES, LONG_NUMBER_RULES, NUMBER_RULES
from stillhunt.base.redaction.edits import FindEdits, Span, edited, edited_with_spans, tidy_spans
from stillhunt.base.redaction.people import NAME_RULES
from stillhunt.base.redaction.people_without_capitals import OTHER_NAME_RULES

REDACTIONS: tuple[tuple[str, FindEdits], ...] = (
    *CREDENTIAL_RULES,
    *CONTACT_RULES,
    *NUMBER_RULES,
    *POSTAL_RULES,
    *PHONE_RULES,
    *LONG_NUMBER_RULES,
    *ENCODED_RULES,
    *NAME_RULES,
    *OTHER_NAME_RULES,
)
"""Label and rule, in the order in which they run."""
WHAT_IS_REPLACED = (
    "keys, tokens and private keys; passwords and other secrets that follow their name; seed phrases of wallets; "
    "e-mail, IP and MAC addresses; handles of social networks; phone, bank account, card, identity and other long "
    "numbers; dates of birth; full names of people, and names after a title, a greeting or a label; postal addresses "
    "and coordinates of places; the user and the query in a web address; UUIDs, long hex and encoded strings"
)
"""What is replaced, in words; a test holds it beside the labels."""


def redacted(text: str) -> str:
    """A text of bounded length with labels for names, addresses, numbers and secrets, in many languages."""
    for _, find in REDACTIONS:
        edits = find(text)
        if edits:
            text = edited(text, edits)
    return text
