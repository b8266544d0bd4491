"""The words that a dossier uses in a sense of its own, for a reader who knows neither the method nor the field."""

from __future__ import annotations

DOSSIER_WORDS = (
    ("account", "A customer's access to the service, as the log names it; one person may hold several."),
    ("alternative", "An honest explanation of the same traces, weighed against the claim."),
    (
        "bits",
        (
            "Weight of evidence. One bit: what was seen is twice as likely if one operation is behind the group as if "
            "its accounts are honest; ten bits: about a thousand times. Negative bits are evidence against."
        ),
    ),
    ("campaign", "A group of accounts with a verdict, which the evidence ties together."),
    ("cap", "The most bits that one family of evidence may add, so that no single kind decides."),
    ("false-alarm budget", "How many honest groups the operator is willing to see accused in 30 days."),
    ("family of evidence", "Findings of one nature: wording, work queue, schedule, network, sign-up, conduct."),
    ("harvest", "To collect a model's answers in bulk by a work queue, as to train another model on them."),
    ("keyed hash", "A code in place of a name, which only the holder of a secret key can compute."),
    ("list price", "What the answers would cost a customer who pays by use; not a loss."),
    ("prior", "How likely a group like this is to harvest before any evidence is looked at."),
    (
        "verdict",
        (
            "act: strong enough for a person to decide; review: a person should look; none: below that. No verdict is "
            "a decision."
        ),
    ),
    ("work queue", "A list of items that is handed out to accounts independently of who they are."),
)
"""Word and meaning, by the alphabet."""
