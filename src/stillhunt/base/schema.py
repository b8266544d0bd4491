"""Every table that crosses a door, declared once: names, Arrow types, nullability, meaning.

Rooms hand over Arrow tables and nothing else; `Table.check` is called at each door. `stillhunt schema`
prints this file's content and `docs/tables.md` is generated from it, so a column exists in one place only.
The case tables (`CASE_TABLES`) are a contract with the outside: their names and types change only
together with `CASE_VERSION`.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from stillhunt.base.shape import Column as Column
from stillhunt.base.shape import Table as Table

CASE_VERSION = 1
"""Version of the case folder, written to run.json; bumped whenever a case column changes name or type."""

FAMILIES = ("content", "queue", "timing", "network", "identity", "conduct")
"""Evidence families. Two independent ones are needed before an account is flagged."""

VERDICTS = ("act", "review", "none")
ROLES = ("operator", "shared", "victim", "unknown")

TIMESTAMP = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.string())
CODED = pa.dictionary(pa.int32(), pa.string())
"""Strings of few distinct values beside the rows: kept once each, four bytes a row."""
SPANS = pa.list_(pa.struct([pa.field("start", pa.int32()), pa.field("end", pa.int32())]))


def _c(name: str, type_: pa.DataType, nullable: bool, meaning: str) -> Column:
    return Column(name, type_, nullable, meaning)


REQUESTS = Table(
    "requests",
    "One row per API call, as collect hands it on.",
    (
        _c("request_id", pa.string(), False, "Id of the call, unique within its source."),
        _c("timestamp", TIMESTAMP, False, "When the call arrived, UTC, microseconds."),
        _c("account_id", pa.string(), False, "Account that is billed for the call."),
        _c("model", pa.string(), False, "Model the client asked for."),
        _c("source", pa.string(), False, "Name of the log it came from; a configured word, never a path."),
        _c("prompt", pa.large_string(), True, "New user or tool content of this call; resent history is removed."),
        _c("system_prompt", pa.large_string(), True, "System instructions of the call."),
        _c("response", pa.large_string(), True, "The answer's text."),
        _c("conversation_id", pa.string(), True, "Conversation or session the call belongs to."),
        _c("turn", pa.int32(), True, "Position in the conversation, from 0."),
        _c("organization_id", pa.string(), True, "Organisation the account declares."),
        _c("api_key_id", pa.string(), True, "Id of the API key (never the key)."),
        _c("end_user_id", pa.string(), True, "End user named by the client."),
        _c("client_ip", pa.uint64(), True, "Keyed hash of the client address."),
        _c("client_prefix", pa.uint64(), True, "Keyed hash of its /24 (IPv4) or /48 (IPv6)."),
        _c("asn", pa.int64(), True, "Autonomous system number of the client."),
        _c("country", pa.string(), True, "Two-letter country of the client."),
        _c("user_agent", pa.string(), True, "User-Agent header, bounded."),
        _c("tls_fingerprint", pa.string(), True, "JA3/JA4 or the like."),
        _c("channel", pa.string(), True, "API, batch, subscription, cloud reseller ..."),
        _c("input_tokens", pa.int64(), True, "Tokens sent."),
        _c("output_tokens", pa.int64(), True, "Tokens answered."),
        _c("temperature", pa.float64(), True, "Sampling temperature."),
        _c("top_p", pa.float64(), True, "Nucleus sampling parameter."),
        _c("max_tokens", pa.int64(), True, "Largest answer the client asked for."),
        _c("tools", pa.string(), True, "Tool definitions, as text, bounded."),
        _c("status", pa.int32(), True, "HTTP status of the answer."),
        _c("origin_file", pa.int32(), False, "Index of the input file, in sorted order of paths."),
        _c("origin_row", pa.int64(), False, "Row number within the input file, from 0."),
    ),
)

ACCOUNTS = Table(
    "accounts",
    "One row per account, from the operator's customer table; optional.",
    (
        _c("account_id", pa.string(), False, "Account, as in requests."),
        _c("created_at", TIMESTAMP, True, "When it was opened."),
        _c("organization_id", pa.string(), True, "Organisation it declares."),
        _c("plan", pa.string(), True, "Price plan."),
        _c("email_domain", pa.string(), True, "Domain of its e-mail address."),
        _c("email_hash", pa.uint64(), True, "Keyed hash of the address."),
        _c("payment_fingerprint", pa.uint64(), True, "Keyed hash of the card or account that pays."),
        _c("payment_country", pa.string(), True, "Country of the payment instrument."),
        _c("phone_country", pa.string(), True, "Country of the phone number."),
        _c("signup_ip", pa.uint64(), True, "Keyed hash of the address it was opened from."),
        _c("signup_prefix", pa.uint64(), True, "Keyed hash of that address's /24 or /48."),
        _c("signup_country", pa.string(), True, "Country it was opened from."),
        _c("declared_use", pa.string(), True, "Purpose the customer stated."),
    ),
)

REJECTS = Table(
    "rejects",
    "Rows that could not be used, each with its reason; nothing vanishes silently.",
    (
        _c("source", pa.string(), False, "File or table the row came from (name, not full path)."),
        _c("place", pa.string(), False, "Line or row number, and the column where one is at fault."),
        _c("reason", pa.string(), False, "Why it was set aside."),
        _c("raw", pa.string(), False, "The row's beginning, bounded, control characters removed."),
    ),
)

SKETCHES = Table(
    "sketches",
    "One row per request after the text pass: fingerprints instead of text.",
    (
        _c("request_id", pa.string(), False, "As in requests."),
        _c("source", pa.string(), False, "As in requests."),
        _c("account_id", pa.string(), False, "As in requests."),
        _c("account_key", pa.uint64(), False, "Fixed hash of the account id; its highest bits choose the partition."),
        _c("request_key", pa.uint64(), False, "Fixed hash of source and request id, by which repeats are found."),
        _c("timestamp", TIMESTAMP, False, "As in requests."),
        _c("conversation", pa.uint64(), False, "Fixed hash of account and conversation; of the request where none."),
        _c("turn", pa.int32(), True, "As in requests."),
        _c("organization_id", pa.string(), True, "As in requests."),
        _c("model", pa.string(), False, "As in requests."),
        _c("client_ip", pa.uint64(), True, "As in requests."),
        _c("client_prefix", pa.uint64(), True, "As in requests."),
        _c("asn", pa.int64(), True, "As in requests."),
        _c("country", pa.string(), True, "As in requests."),
        _c("user_agent", pa.string(), True, "As in requests."),
        _c("tls_fingerprint", pa.string(), True, "As in requests."),
        _c("channel", pa.string(), True, "As in requests."),
        _c("input_tokens", pa.int64(), True, "As in requests."),
        _c("output_tokens", pa.int64(), True, "As in requests."),
        _c("temperature", pa.float64(), True, "As in requests."),
        _c("top_p", pa.float64(), True, "As in requests."),
        _c("max_tokens", pa.int64(), True, "As in requests."),
        _c("status", pa.int32(), True, "As in requests."),
        _c("content_hash", pa.uint64(), False, "Fixed hash of the row's content, to settle duplicate ids."),
        _c("whole", pa.uint64(), False, "Hash of the normalised prompt; 0 where there is none."),
        _c("phrases", pa.list_(pa.uint32()), False, "Winnowed word-shingle hashes of head, tail and keyed middle."),
        _c("system_phrases", pa.list_(pa.uint32()), False, "The same of the system prompt."),
        _c("topic_words", pa.list_(pa.uint16()), False, "Buckets of a keyed sample of the prompt's content words."),
        _c("conduct", pa.uint32(), False, "Conduct flags, one bit each, see extract/conduct.py."),
        _c("words", pa.int32(), False, "Words in the prompt."),
        _c("script", pa.uint8(), False, "Dominant script of the prompt, see extract/words.py."),
        _c("origin_file", pa.int32(), False, "As in requests."),
        _c("origin_row", pa.int64(), False, "As in requests."),
    ),
)

UNJUDGED = (
    "account_key",
    "request_key",
    "phrases",
    "system_phrases",
    "topic_words",
    "asn",
    "channel",
    "content_hash",
    "script",
)
"""Columns of the sketches that the search reads and nobody after it."""
_REPEATED = ("source", "account_id", "organization_id", "model", "country", "user_agent", "tls_fingerprint")

TRAFFIC = Table(
    "traffic",
    "Sketches of the requests of those accounts that are judged or that others are compared with, without the text's.",
    tuple(replace(c, type=CODED) if c.name in _REPEATED else c for c in SKETCHES.columns if c.name not in UNJUDGED),
)

SLICED = Table(
    "sliced",
    "One row per request, in the order of traffic: where it falls.",
    (
        _c("cluster", pa.int32(), False, "Content cluster, or manner and client of a bare slice; -1 where neither."),
        _c(
            "bare", pa.bool_(), False, "True in a bare slice: single questions without a template, cut by their manner."
        ),
        _c("matched", pa.int16(), False, "Phrases of that cluster in the request."),
        _c("half", pa.int8(), False, "0 or 1, drawn per conversation: groups found on one are judged on the other."),
        _c("topic", pa.int16(), False, "Topic; -1 where its words tell none."),
        _c("fresh", pa.bool_(), False, "False where the account already sent the very same prompt."),
    ),
)

LINKS = Table(
    "links",
    "One row per slice and group found: what ties the slice to the group, on the half that did not form it.",
    (
        _c("group", pa.int32(), False, "Group, numbered in order of search, half and discovery."),
        _c("search", pa.int32(), False, "Search that found it: a content cluster, or one for all bare slices."),
        _c("cluster", pa.int32(), False, "Content cluster of the slice, or its manner and client where it has none."),
        _c("formed_on", pa.int8(), False, "Half on which the group was found."),
        _c("account_id", pa.string(), False, "Account of the slice."),
        _c("member", pa.bool_(), False, "True where the slice is in the group on the half that formed it."),
        _c("content_microbits", pa.int64(), False, "Held-out bits of the phrase mixture, in millionths."),
        _c("queue_microbits", pa.int64(), False, "Held-out bits of the topic mixture, in millionths."),
        _c(
            "work_microbits",
            pa.int64(),
            False,
            "Bits of load, rate and client of a bare slice, in millionths: they say who belongs, not how sure it is.",
        ),
        _c("searched", pa.int32(), False, "Slices alike in subjects and work, of whose clients the group is one part."),
    ),
)

CANDIDATES = Table(
    "candidates",
    "One row per slice of a candidate campaign.",
    (
        _c("candidate", pa.int32(), False, "Candidate campaign."),
        _c("cluster", pa.int32(), False, "Content cluster of the slice."),
        _c("account_id", pa.string(), False, "Account of the slice."),
        _c("formed", pa.int8(), False, "Halves that formed it: 1 the first, 2 the second, 3 both, 0 joined later."),
        _c(
            "content_microbits",
            pa.int64(),
            False,
            "Held-out bits of the phrase mixture over both halves, in millionths.",
        ),
        _c("queue_microbits", pa.int64(), False, "Held-out bits of the topic mixture over both halves, in millionths."),
        _c("bare", pa.bool_(), False, "True where the slice has no template and was found by its workload."),
        _c("searched", pa.int32(), False, "Bare slices among which it was picked by its client; 0 for templates."),
    ),
)

CASE_ACCOUNTS = Table(
    "case_accounts",
    "accounts.parquet: every account seen, with its score and verdict.",
    (
        _c("account_id", pa.string(), False, "Account, as in the logs."),
        _c("score", pa.float64(), False, "Probability that the account harvests, 0 to 1."),
        _c("verdict", pa.string(), False, "act, review or none."),
        _c("flagged", pa.bool_(), False, "True where the verdict is act."),
        _c("sanctioned", pa.bool_(), False, "True where the settings declare the account's programme."),
        _c("campaign_id", pa.string(), True, "Its main campaign; null where it has none."),
        _c("reasons", STRINGS, False, "Short statements, the strongest first."),
        _c("requests", pa.int64(), False, "Requests of the account in the logs."),
        _c("harvest_requests", pa.int64(), False, "Estimated number of them that harvest."),
    ),
)

MEMBERS = Table(
    "members",
    "members.parquet: which accounts serve which campaign; many to many.",
    (
        _c("account_id", pa.string(), False, "Account."),
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("role", pa.string(), False, "operator, shared, victim or unknown."),
        _c("requests", pa.int64(), False, "Its requests in this campaign."),
        _c("share", pa.float64(), False, "Those as a share of the account's traffic, 0 to 1."),
        _c("score", pa.float64(), False, "P(campaign) times P(member given campaign)."),
    ),
)

SLICES = Table(
    "slices",
    "slices.parquet: one account's traffic in one content cluster.",
    (
        _c("slice_id", pa.string(), False, "Slice."),
        _c("account_id", pa.string(), False, "Account."),
        _c("campaign_id", pa.string(), True, "Campaign the slice belongs to; null where none."),
        _c("requests", pa.int64(), False, "Requests in the slice."),
        _c("harvest_requests", pa.int64(), False, "Those counted as harvested."),
    ),
)

HARVEST = Table(
    "harvest",
    "harvest.parquet: the requests counted as harvested.",
    (
        _c("request_id", pa.string(), False, "Request."),
        _c("slice_id", pa.string(), False, "Slice it belongs to."),
        _c("campaign_id", pa.string(), False, "Campaign it belongs to."),
    ),
)

TOTALS = Table(
    "totals",
    "One row per account of the log.",
    (
        _c("account_id", pa.string(), False, "The account, ascending."),
        _c("requests", pa.int64(), False, "Requests it sent."),
        _c("output_tokens", pa.int64(), False, "Tokens answered to it; unknown ones count as 0."),
        _c("first_seen", TIMESTAMP, False, "Its first request."),
        _c("last_seen", TIMESTAMP, False, "Its last request."),
        _c("public", pa.bool_(), False, "True in the random sample of all accounts that others are compared with."),
    ),
)

CAMPAIGNS = Table(
    "campaigns",
    "campaigns.parquet: one row per campaign, the strongest first.",
    (
        _c("campaign_id", pa.string(), False, "Stable id, made from the members found first."),
        _c("score", pa.float64(), False, "Probability that this is one harvesting operation, 0 to 1."),
        _c("verdict", pa.string(), False, "act, review or none."),
        _c("accounts", pa.int64(), False, "Member accounts."),
        _c("requests", pa.int64(), False, "Requests counted as harvested."),
        _c("first_seen", TIMESTAMP, False, "First harvested request."),
        _c("last_seen", TIMESTAMP, False, "Last harvested request."),
        _c("skills", STRINGS, False, "What is being taken, in words."),
        _c("models", STRINGS, False, "Models it is taken from, the most used first."),
        _c("families", STRINGS, False, "Evidence families that speak for it."),
        _c("output_tokens", pa.int64(), False, "Tokens answered to the harvested requests."),
        _c("list_value", pa.float64(), False, "Their value at list price, in the price table's currency."),
    ),
)

EVIDENCE = Table(
    "evidence",
    "evidence.parquet: every piece of evidence, in bits, with the requests behind it.",
    (
        _c("campaign_id", pa.string(), False, "Campaign it speaks of."),
        _c("account_id", pa.string(), True, "Account it speaks of; null: the whole campaign."),
        _c(
            "family",
            pa.string(),
            False,
            "content, queue, timing, network, identity or conduct; prior for the start; budget, of 0 bits, where the "
            "false-alarm budget keeps the verdict from act.",
        ),
        _c("kind", pa.string(), False, "Name of the test."),
        _c("statement", pa.string(), False, "The finding in one sentence."),
        _c("bits", pa.float64(), False, "log2 likelihood ratio after caps; negative speaks against."),
        _c("request_ids", STRINGS, False, "Requests that show it, at most 50."),
        _c("request_count", pa.int64(), False, "How many requests stand behind it."),
    ),
)

SAMPLES = Table(
    "samples",
    "samples.parquet: short redacted excerpts of a campaign's requests, for a person to read.",
    (
        _c("campaign_id", pa.string(), False, "Campaign the request belongs to."),
        _c("account_id", pa.string(), False, "Account that sent it."),
        _c("request_id", pa.string(), False, "Request."),
        _c("timestamp", TIMESTAMP, False, "When it arrived."),
        _c("text", pa.string(), False, "Excerpt of the prompt, bounded, redacted, without control characters."),
        _c("marks", SPANS, False, "Spans of the excerpt, in characters, that the campaign's requests share."),
    ),
)

TIMELINE = Table(
    "timeline",
    "timeline.parquet: harvested requests and active accounts per campaign and time bucket.",
    (
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("bucket", TIMESTAMP, False, "Start of the bucket; buckets of one campaign are equally long."),
        _c("requests", pa.int64(), False, "Harvested requests in the bucket."),
        _c("accounts", pa.int64(), False, "Accounts that sent them."),
    ),
)

INPUT_TABLES = (REQUESTS, ACCOUNTS)
DOOR_TABLES = (
    SKETCHES,
    TRAFFIC,
    SLICED,
    LINKS,
    CANDIDATES,
    TOTALS,
)
CASE_TABLES: dict[str, Table] = {
    "accounts": CASE_ACCOUNTS,
    "members": MEMBERS,
    "slices": SLICES,
    "harvest": HARVEST,
    "campaigns": CAMPAIGNS,
    "evidence": EVIDENCE,
    "rejects": REJECTS,
}
"""File stem in the case folder -> its table."""

CASE_VIEWS: dict[str, Table] = {"samples": SAMPLES, "timeline": TIMELINE}
"""File stem in the case folder -> table that only readers of the report need; no finding depends on it."""
