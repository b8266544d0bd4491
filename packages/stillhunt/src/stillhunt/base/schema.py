"""Every table that goes from one room to another, declared once: names, Arrow types, nullability, meaning.

Rooms hand over Arrow tables and nothing else; `Table.check` is called wherever one arrives. `stillhunt schema`
prints this file's content and `docs/tables.md` is generated from it, so a column exists in one place only.
The case tables (`CASE_TABLES`), a contract with the outside, are in `schema_case.py` and are named here too.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from stillhunt.base.families import EVIDENCE_FAMILIES
from stillhunt.base.shape import TIMESTAMP, Column, Table

FAMILIES = tuple(family.name for family in EVIDENCE_FAMILIES)
"""Evidence families. Two independent ones are needed before an account is flagged."""

CODED = pa.dictionary(pa.int32(), pa.string())
"""Strings of few distinct values beside the rows: kept once each, four bytes a row."""


def _c(name: str, type_: pa.DataType, nullable: bool, meaning: str) -> Column:
    return Column(name, type_, nullable, meaning)


REQUESTS = Table(
    "requests",
    "One row per API call, as collect hands it on.",
    (
        _c("request_id", pa.string(), False, "Id of the call, unique within its source."),
        _c("timestamp", TIMESTAMP, False, "When the call arrived, UTC, microseconds."),
        _c(
            "account_id",
            pa.string(),
            False,
            "Account that is billed for the call. Each control, direction-changing or invisible character in an id "
            "is written as U+FFFD, its code in hexadecimal and a semicolon, such as \ufffd202e;.",
        ),
        _c("model", pa.string(), False, "Model the client asked for."),
        _c("source", pa.string(), False, "Name of the log it came from (setting collect.source), never a path."),
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
        _c("asn_name", pa.string(), True, "Organisation that runs that autonomous system."),
        _c(
            "ip_kind",
            pa.string(),
            True,
            "What the client address is used for: hosting, vpn, tor, proxy, residential proxy, mobile, business ...",
        ),
        _c("country", pa.string(), True, "Two-letter country of the client."),
        _c("user_agent", pa.string(), True, "User-Agent header, bounded."),
        _c("tls_fingerprint", pa.string(), True, "TLS fingerprint of the client: JA3, JA4 or similar."),
        _c("channel", pa.string(), True, "API, batch, subscription, cloud reseller ..."),
        _c("input_tokens", pa.int64(), True, "Tokens of the request."),
        _c("output_tokens", pa.int64(), True, "Tokens of the answer."),
        _c("temperature", pa.float64(), True, "Sampling temperature."),
        _c("top_p", pa.float64(), True, "Nucleus sampling parameter."),
        _c("max_tokens", pa.int64(), True, "Largest number of answer tokens that the client allowed."),
        _c("tools", pa.string(), True, "Tool definitions, as text, bounded."),
        _c(
            "other_settings",
            pa.string(),
            True,
            "Names of other fields of the call that may change its answer, such as seed, stop; never their values.",
        ),
        _c("status", pa.int32(), True, "HTTP status of the answer."),
        _c("sampling_rate", pa.float64(), True, "Share of such calls that the log keeps, 0 to 1; null: all of them."),
        _c("origin_file", pa.int32(), False, "Index of the input file, in sorted order of paths."),
        _c("origin_row", pa.int64(), False, "Row number within the input file, from 0."),
    ),
)

ACCOUNTS = Table(
    "accounts",
    "One row per account, from the provider's customer table; optional.",
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
        _c("network", pa.string(), True, "Number and name of the autonomous system together, for people to read."),
        _c("ip_kind", pa.string(), True, "As in requests."),
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
        _c("sampling_rate", pa.float64(), True, "As in requests."),
        _c("content_hash", pa.uint64(), False, "Fixed hash of the row's content, to settle duplicate ids."),
        _c("prompt_hash", pa.uint64(), False, "Hash of the normalised prompt; 0 where there is none."),
        _c("phrases", pa.list_(pa.uint32()), False, "Winnowed word-shingle hashes of head, tail and keyed middle."),
        _c("system_phrases", pa.list_(pa.uint32()), False, "The same of the system prompt."),
        _c("topic_words", pa.list_(pa.uint16()), False, "Buckets of a keyed sample of the prompt's content words."),
        _c("conduct", pa.uint32(), False, "Conduct flags, one bit each, see extract/text/conduct.py."),
        _c("words", pa.int32(), False, "Words in the prompt."),
        _c("script", pa.uint8(), False, "Dominant script of the prompt, see extract/text/words.py."),
        _c("origin_file", pa.int32(), False, "As in requests."),
        _c("origin_row", pa.int64(), False, "As in requests."),
    ),
)

UNJUDGED = (
    "account_key",
    "request_key",
    "phrases",
    "system_phrases",
    "asn",
    "channel",
    "content_hash",
    "script",
)
"""Columns of the sketches that the search reads and nobody after it."""
_REPEATED = (
    "source",
    "account_id",
    "organization_id",
    "model",
    "network",
    "ip_kind",
    "country",
    "user_agent",
    "tls_fingerprint",
)

TRAFFIC = Table(
    "traffic",
    "Requests of the accounts that are judged or with which others are compared, without what is made of their texts.",
    tuple(replace(c, type=CODED) if c.name in _REPEATED else c for c in SKETCHES.columns if c.name not in UNJUDGED),
)

SLICED = Table(
    "sliced",
    "One row per request, in the order of traffic: the slice into which it falls.",
    (
        _c("cluster", pa.int32(), False, "Content cluster, or label of its untemplated slice; -1 where neither."),
        _c(
            "untemplated",
            pa.bool_(),
            False,
            "True in an untemplated slice: single questions without a template, cut by request style and client.",
        ),
        _c("matched", pa.int16(), False, "Phrases of that content cluster in the request."),
        _c("fold", pa.int8(), False, "0 or 1, drawn per conversation: groups found on one are judged on the other."),
        _c("topic", pa.int16(), False, "Topic; -1 where the words of the request do not tell it."),
        _c("first_occurrence", pa.bool_(), False, "False where the account sent the very same prompt before."),
        _c("request_style", pa.int8(), False, "1 where the request sets a sampling parameter, 0 where it does not."),
        _c(
            "client_fingerprint",
            pa.int32(),
            False,
            "Code of user agent and TLS fingerprint together, in their order of appearance; -1 where both are unknown.",
        ),
    ),
)

LINKS = Table(
    "links",
    "One row per slice and group found: what ties the slice to the group, on the fold that did not form it.",
    (
        _c("group", pa.int32(), False, "Group, numbered in order of search, fold and discovery."),
        _c(
            "search",
            pa.int32(),
            False,
            "Search that found it: the content cluster, or -1 for the one search of all untemplated slices.",
        ),
        _c(
            "cluster",
            pa.int32(),
            False,
            "Content cluster of the slice, or its label by request style and client where it is untemplated.",
        ),
        _c("formed_on", pa.int8(), False, "Fold on which the group was found."),
        _c("account_id", pa.string(), False, "Account of the slice."),
        _c("member", pa.bool_(), False, "True where the slice belongs to the group on the fold that formed it."),
        _c("content_microbits", pa.int64(), False, "Held-out bits of the phrase mixture, in millionths."),
        _c("queue_microbits", pa.int64(), False, "Held-out bits of the topic mixture, in millionths."),
        _c(
            "work_microbits",
            pa.int64(),
            False,
            "Bits of load, rate and client of an untemplated slice, in millionths: they say who belongs, not how sure.",
        ),
        _c(
            "searched",
            pa.int32(),
            False,
            "Slices of the work queue of which the group is one part by its clients; 0 for templates.",
        ),
        _c("style", pa.bool_(), False, "True where the cluster is a wording style: no run of words recurs in it."),
    ),
)

CANDIDATES = Table(
    "candidates",
    "One row per slice of a candidate campaign.",
    (
        _c("candidate", pa.int32(), False, "Candidate campaign."),
        _c("cluster", pa.int32(), False, "Content cluster or label of the slice."),
        _c("account_id", pa.string(), False, "Account of the slice."),
        _c(
            "formed",
            pa.int8(),
            False,
            "Folds on which it formed the group: 1 the first, 2 the second, 3 both, 0 neither: it joined later.",
        ),
        _c(
            "content_microbits",
            pa.int64(),
            False,
            "Held-out bits of the phrase mixture over both folds, in millionths.",
        ),
        _c("queue_microbits", pa.int64(), False, "Held-out bits of the topic mixture over both folds, in millionths."),
        _c("untemplated", pa.bool_(), False, "True where the slice has no template and was found by its workload."),
        _c(
            "searched",
            pa.int32(),
            False,
            "Untemplated slices among which it was picked by its client; 0 for templates.",
        ),
        _c("style", pa.bool_(), False, "True where the slice was found by its wording style: no run of words recurs."),
    ),
)

TOTALS = Table(
    "totals",
    "One row per account of the log.",
    (
        _c("account_id", pa.string(), False, "The account, ascending."),
        _c("requests", pa.int64(), False, "Requests it sent."),
        _c("output_tokens", pa.int64(), False, "Output tokens of its requests; unknown ones count as 0."),
        _c("first_seen", TIMESTAMP, False, "Its first request."),
        _c("last_seen", TIMESTAMP, False, "Its last request."),
        _c(
            "background",
            pa.bool_(),
            False,
            "True in the background sample, the random sample of accounts with which others are compared.",
        ),
    ),
)

INPUT_TABLES = (REQUESTS, ACCOUNTS)
ROOM_TABLES = (
    SKETCHES,
    TRAFFIC,
    SLICED,
    LINKS,
    CANDIDATES,
    TOTALS,
)
