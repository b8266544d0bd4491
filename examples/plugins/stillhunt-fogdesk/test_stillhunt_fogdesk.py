"""The log of fogdesk is recognised and read."""

from stillhunt_fogdesk import PLUGIN

from stillhunt.plugins import Sample


def test_it_reads_its_own_examples() -> None:
    records = PLUGIN.examples
    assert PLUGIN.recognises(Sample("json", records, frozenset(records[0])))
    (row,) = PLUGIN.rows(records[0])
    assert (row["account_id"], row["prompt"]) == ("acme", "Hi")
