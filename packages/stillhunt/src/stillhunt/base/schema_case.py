"""The tables of a case folder: a contract with the outside, names and types change only with `CASE_VERSION`.

The rest of the program takes them from `schema.py`.
"""

from __future__ import annotations

import pyarrow as pa

from stillhunt.base.shape import TIMESTAMP, Column, Table

CASE_VERSION = 7
"""Version of the case folder, written to run.json; raised whenever a table is added or a column changes."""

VERDICTS = ("act", "review", "none")
ROLES = ("dedicated", "mixed", "pool", "victim", "unknown")
"""It only harvests; it sends cover of its own, too; customers of a reseller use it, too; its customer's key was taken;
not known."""
HARVEST_OPERATION = "harvest"
OPERATION_KINDS = (HARVEST_OPERATION, "account_farm", "relay", "not_known")
"""A work queue for answers; many accounts of one person; accounts through which many people ask; a group left alone."""

STRINGS = pa.list_(pa.string())
SPANS = pa.list_(pa.struct([pa.field("start", pa.int32()), pa.field("end", pa.int32())]))


def _c(name: str, type_: pa.DataType, nullable: bool, meaning: str) -> Column:
    return Column(name, type_, nullable, meaning)


CASE_ACCOUNTS = Table(
    "case_accounts",
    "accounts.parquet: every account seen, with its score and verdict.",
    (
        _c(
            "account_id",
            pa.string(),
            False,
            "Account, as in the logs (invisible characters as in requests): personal data where it is an e-mail or IP "
            "address.",
        ),
        _c("score", pa.float64(), False, "Probability that the account harvests, 0 to 1."),
        _c("verdict", pa.string(), False, "act, review or none."),
        _c("flagged", pa.bool_(), False, "True where the verdict is act."),
        _c("sanctioned", pa.bool_(), False, "True where the settings allow the account's programme."),
        _c("campaign_id", pa.string(), True, "Its main campaign; null where it has none."),
        _c("reasons", STRINGS, False, "Short statements, the strongest first."),
        _c("requests", pa.int64(), False, "Requests of the account in the logs."),
        _c("harvest_requests", pa.int64(), False, "Estimated number of them that harvest."),
    ),
)

MEMBERS = Table(
    "members",
    "members.parquet: which accounts are members of which campaigns; an account may be in several.",
    (
        _c("account_id", pa.string(), False, "Account."),
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c(
            "role",
            pa.string(),
            False,
            "dedicated (nearly all of its traffic is in campaigns), mixed (its other traffic has the clients and "
            "networks of the harvest), pool (customers of a reseller stand behind its other traffic), victim (its key "
            "was taken: other hands used it before the harvest) or unknown. Only flagged accounts are dedicated, mixed "
            "or pool.",
        ),
        _c("requests", pa.int64(), False, "Its requests in this campaign."),
        _c("share", pa.float64(), False, "Those requests as a share of the account's traffic, 0 to 1."),
        _c(
            "score",
            pa.float64(),
            False,
            "Probability of the campaign times probability that the account is a member of it, 0 to 1.",
        ),
    ),
)

SLICES = Table(
    "slices",
    "slices.parquet: one account's traffic in one content cluster.",
    (
        _c("slice_id", pa.string(), False, "Slice."),
        _c("account_id", pa.string(), False, "Account."),
        _c("campaign_id", pa.string(), True, "Campaign the slice belongs to; null where there is none."),
        _c("requests", pa.int64(), False, "Requests in the slice."),
        _c("harvest_requests", pa.int64(), False, "Those of them that are counted as harvested."),
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

CAMPAIGNS = Table(
    "campaigns",
    "campaigns.parquet: one row per campaign (verdict act or review) and per group left alone (verdict none), the "
    "strongest first.",
    (
        _c("campaign_id", pa.string(), False, "Stable id, made from the members found first."),
        _c(
            "kind",
            pa.string(),
            False,
            "harvest; account_farm (many accounts of one person) or relay (accounts through which many people ask), "
            "which show no work queue and get at most the verdict review; not_known (a group left alone).",
        ),
        _c("score", pa.float64(), False, "Probability that this is one operation of that kind, 0 to 1."),
        _c("verdict", pa.string(), False, "act, review or none."),
        _c("accounts", pa.int64(), False, "Member accounts."),
        _c(
            "requests",
            pa.int64(),
            False,
            "Requests counted as harvested; of other kinds, all requests of its accounts.",
        ),
        _c("first_seen", TIMESTAMP, False, "First harvested request."),
        _c("last_seen", TIMESTAMP, False, "Last harvested request."),
        _c("skills", STRINGS, False, "What is being taken, in words; empty where nothing is harvested."),
        _c("models", STRINGS, False, "Models it is taken from, the most used first."),
        _c("families", STRINGS, False, "Evidence families above the floor, the strongest first."),
        _c(
            "output_tokens",
            pa.int64(),
            False,
            "Output tokens of the harvested requests; for a sampled log, the estimate for all calls.",
        ),
        _c(
            "list_value",
            pa.float64(),
            False,
            "Value of the harvested requests at list price, in the currency of the settings.",
        ),
        _c(
            "estimated_requests",
            pa.int64(),
            False,
            "Harvested requests, estimated for all calls if the log is sampled; otherwise the same as requests.",
        ),
    ),
)

EVIDENCE = Table(
    "evidence",
    "evidence.parquet: every piece of evidence, in bits, with the requests behind it.",
    (
        _c("campaign_id", pa.string(), False, "Campaign that it is about."),
        _c("account_id", pa.string(), True, "Account that it is about; null: the whole campaign."),
        _c(
            "family",
            pa.string(),
            False,
            "content, queue, timing, network, identity or conduct; prior for the odds before any evidence; with 0 bits "
            "budget, where the false-alarm budget turns the verdict act into review, and members, where the verdict is "
            "none since too few accounts are likelier members than not.",
        ),
        _c("kind", pa.string(), False, "Name of the test."),
        _c("statement", pa.string(), False, "The finding in one sentence."),
        _c("bits", pa.float64(), False, "log2 likelihood ratio after caps; negative is evidence against."),
        _c(
            "raw_bits",
            pa.float64(),
            False,
            "The same before caps: of the finding; in a row with an account what it says of that member.",
        ),
        _c(
            "independent",
            pa.bool_(),
            False,
            "True where the group was formed without what the finding looks at, so that it has a cap of its own; false "
            "in rows with an account.",
        ),
        _c(
            "act_needs",
            pa.string(),
            False,
            "What the verdict act needs beside this finding: nothing, linkage (evidence of one operator), or never: it "
            "is not given; nothing in rows with an account.",
        ),
        _c("request_ids", STRINGS, False, "Requests that show it, at most 50."),
        _c("request_count", pa.int64(), False, "Number of requests that show it."),
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

ORIGINS = Table(
    "origins",
    "origins.parquet: which clients send a campaign's requests and from where, the most used first.",
    (
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("aspect", pa.string(), False, "client, network, ip_kind or country."),
        _c(
            "value",
            pa.string(),
            False,
            "Family of the User-Agent; number and name of the autonomous system; kind of address; country. (other) and "
            "(unknown) stand in brackets.",
        ),
        _c("requests", pa.int64(), False, "Harvested requests with this value."),
        _c("accounts", pa.int64(), False, "Accounts that sent them."),
    ),
)

_OF_THE_CUSTOMER = (
    _c("created_at", TIMESTAMP, True, "When the account was opened."),
    _c("organization_id", pa.string(), True, "Organisation it declares."),
    _c("plan", pa.string(), True, "Price plan."),
    _c("email_domain", pa.string(), True, "Domain of its e-mail address."),
    _c("payment_country", pa.string(), True, "Country of the payment instrument."),
    _c("phone_country", pa.string(), True, "Country of the phone number."),
    _c("signup_country", pa.string(), True, "Country it was opened from."),
    _c("declared_use", pa.string(), True, "Purpose the customer stated."),
)
_OF_THE_REQUESTS = (
    _c("first_seen", TIMESTAMP, True, "First request in the campaign; null in a group left alone."),
    _c("last_seen", TIMESTAMP, True, "Last request in the campaign; null in a group left alone."),
    _c("clients", STRINGS, False, "Families of the User-Agents, the most used first, at most 5."),
    _c("networks", STRINGS, False, "Numbers and names of the autonomous systems, the most used first, at most 5."),
    _c("ip_kinds", STRINGS, False, "Kinds of addresses, the most used first, at most 5."),
    _c("countries", STRINGS, False, "Countries of the clients, the most used first, at most 5."),
)

MEMBER_DETAILS = Table(
    "member_details",
    "member_details.parquet: for each row of members.parquet, when and from where its requests in the campaign came, "
    "and what the accounts table says of the account.",
    (
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("account_id", pa.string(), False, "Account."),
        *_OF_THE_REQUESTS,
        *_OF_THE_CUSTOMER,
    ),
)

ADDRESS_KINDS = ("address", "network")
"""An IP address; its /24 (IPv4) or /48 (IPv6)."""

ADDRESSES = Table(
    "addresses",
    "addresses.parquet: keyed hashes of the addresses from which members of campaigns (verdict act or review) sent "
    "their requests, to search by; at most 20 addresses and 20 networks a member. Empty where the key of the hashes is "
    "kept nowhere.",
    (
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("account_id", pa.string(), False, "Account."),
        _c("kind", pa.string(), False, "address, or network: its /24 (IPv4) or /48 (IPv6)."),
        _c(
            "hash",
            pa.string(),
            False,
            "Keyed hash, 16 hexadecimal digits: the same in all hunts under one key, and unrelated under another.",
        ),
        _c("requests", pa.int64(), False, "Requests of the account in the campaign that came from there."),
        _c(
            "different",
            pa.int64(),
            False,
            "Different addresses, or networks, of the account in the campaign, with those that are not listed.",
        ),
    ),
)

CITED = Table(
    "cited",
    "cited.parquet: the requests that findings about campaigns (verdict act or review) name, with when, how and from "
    "where they came.",
    (
        _c("campaign_id", pa.string(), False, "Campaign that a finding names it for."),
        _c("account_id", pa.string(), False, "Account that sent it."),
        _c("request_id", pa.string(), False, "Request."),
        _c("timestamp", TIMESTAMP, False, "When it arrived."),
        _c("model", pa.string(), False, "Model that it asks."),
        _c("input_tokens", pa.int64(), True, "Tokens of the prompt."),
        _c("output_tokens", pa.int64(), True, "Tokens of the answer."),
        _c("temperature", pa.float64(), True, "Sampling temperature that it sets."),
        _c("top_p", pa.float64(), True, "Nucleus that it sets."),
        _c("max_tokens", pa.int64(), True, "Most tokens of the answer that it sets."),
        _c("status", pa.int32(), True, "HTTP status of the answer."),
        _c("client", pa.string(), True, "Family of the User-Agent."),
        _c("network", pa.string(), True, "Number and name of the autonomous system."),
        _c("ip_kind", pa.string(), True, "Kind of address."),
        _c("country", pa.string(), True, "Country of the client."),
    ),
)

TAKEN_ASPECTS = ("all", "range", "model", "skill", "subject", "language")

TAKEN = Table(
    "taken",
    "taken.parquet: what each campaign that harvests (verdict act or review) took, counted along several aspects, the "
    "most first.",
    (
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c(
            "aspect",
            pa.string(),
            False,
            "all (one row); range (one row: what it took of the subjects of which it has enough useful samples); "
            "model; skill (a request may show several); subject; language (estimated from a few requests that are read "
            "again).",
        ),
        _c(
            "value",
            pa.string(),
            False,
            "Its name; of a subject, its most telling words; of range and all, which samples count. (unknown) where a "
            "request shows none, (other) for what has no name.",
        ),
        _c("requests", pa.int64(), False, "Harvested requests."),
        _c(
            "samples",
            pa.int64(),
            False,
            "Useful samples: answered requests, of alike prompts one; 0 where the log has no prompts.",
        ),
        _c(
            "output_tokens",
            pa.int64(),
            False,
            "Output tokens of those requests; for a sampled log, the estimate for all calls.",
        ),
        _c("list_value", pa.float64(), False, "Their value at list price, in the currency of the settings."),
        _c(
            "everybody",
            pa.float64(),
            True,
            "Of a subject, and of the subjects of range together: their share of the requests of other accounts, 0 to "
            "1; null elsewhere, and where no other accounts were looked at.",
        ),
    ),
)

PHRASE_HASHES = Table(
    "phrases",
    "phrases.parquet: hashes of the phrases and words by which a campaign (verdict act or review) is known: they recur "
    "in its requests, and are rare in the rest of the log.",
    (
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("kind", pa.string(), False, "phrase: some words in a row; word: one word, in one of 65,536 buckets."),
        _c("phrase", pa.uint32(), False, "Hash of the phrase, or bucket of the word, the same in all logs; no text."),
        _c("requests", pa.int64(), False, "Harvested requests with it, of those that were looked at."),
        _c("accounts", pa.int64(), False, "Accounts that sent them."),
        _c("looked_at", pa.int64(), False, "Harvested requests of the campaign that were looked at."),
        _c("members_looked_at", pa.int64(), False, "Accounts that sent those."),
        _c("others", pa.int64(), False, "Accounts outside of all campaigns that use it, of those looked at."),
        _c("compared", pa.int64(), False, "Accounts outside that were looked at."),
        _c("other_requests", pa.int64(), False, "Requests of those accounts with it, of those looked at."),
        _c("compared_requests", pa.int64(), False, "Requests of those accounts that were looked at."),
    ),
)

ACCOUNT_FACTS = Table(
    "account_facts",
    "account_facts: what `stillhunt export` writes, one row per campaign and member.",
    (
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("campaign_verdict", pa.string(), False, "Verdict of the campaign: act, review or none."),
        _c(
            "account_id",
            pa.string(),
            False,
            "Account, as in the logs: personal data where it is an e-mail or IP address.",
        ),
        _c("verdict", pa.string(), False, "Verdict of the account itself: act, review or none."),
        _c("flagged", pa.bool_(), False, "True where the account's own verdict is act."),
        _c("sanctioned", pa.bool_(), False, "True where the settings allow the account's programme."),
        _c("main_campaign_id", pa.string(), True, "Campaign from which the account has its verdict."),
        _c("operator_id", pa.string(), True, "Operator of this campaign and others; null where it is tied to none."),
        _c("score", pa.float64(), False, "Probability that the account harvests in this campaign, 0 to 1."),
        _c("role", pa.string(), False, "dedicated, mixed, pool, victim or unknown, as in members.parquet."),
        _c("requests", pa.int64(), False, "Its requests in this campaign."),
        _c("other_requests", pa.int64(), False, "Its requests outside of this campaign."),
        _c("share", pa.float64(), False, "Its requests in this campaign as a share of its traffic, 0 to 1."),
        *_OF_THE_REQUESTS,
        *_OF_THE_CUSTOMER,
    ),
)

RELATIONS = ("one_operator", "one_pool", "two_operators")
"""One operator runs the campaigns; they use the same accounts; they were found as one and are two."""

CASE_OPERATORS = Table(
    "operators",
    "operators.parquet: which campaigns (verdict act or review) belong together, one row per set and campaign; a "
    "campaign may be in one set of each relation.",
    (
        _c(
            "operator_id",
            pa.string(),
            False,
            "Stable id of the set, made from the members found first: o- one operator, p- one pool, t- two operators.",
        ),
        _c(
            "relation",
            pa.string(),
            False,
            "one_operator (it runs the campaigns), one_pool (they use the same accounts, perhaps for several "
            "operators) or two_operators (they were found as one group, and are two operators).",
        ),
        _c("campaign_id", pa.string(), False, "Campaign."),
        _c("tied_to", pa.string(), False, "Campaign of the same set to which it is tied most strongly."),
        _c("accounts", pa.int64(), False, "Member accounts of all campaigns of the set, each counted once."),
        _c(
            "bits",
            pa.float64(),
            False,
            "Bits beyond chance of that tie, all kinds together; 0 for one_pool and two_operators.",
        ),
        _c("kinds", STRINGS, False, "Kinds of that tie, the strongest first."),
        _c("kind_bits", pa.list_(pa.float64()), False, "Bits of each of these kinds."),
        _c(
            "statements",
            STRINGS,
            False,
            "Each of these kinds in one sentence; for one_pool and two_operators the reason.",
        ),
    ),
)

REJECTS = Table(
    "rejects",
    "rejects.parquet: rows that could not be used, each with its reason.",
    (
        _c("source", pa.string(), False, "File or table the row came from (name, not full path)."),
        _c("place", pa.string(), False, "Line or row number, and the column if one is at fault."),
        _c("reason", pa.string(), False, "Why it was set aside."),
        _c(
            "raw",
            pa.string(),
            False,
            "Beginning and end of the row, at most 200 characters, redacted; controls as escapes; empty after "
            "the first 1,000 rows.",
        ),
    ),
)

CASE_TABLES: dict[str, Table] = {
    "accounts": CASE_ACCOUNTS,
    "members": MEMBERS,
    "slices": SLICES,
    "harvest": HARVEST,
    "campaigns": CAMPAIGNS,
    "evidence": EVIDENCE,
    "operators": CASE_OPERATORS,
    "rejects": REJECTS,
}
"""File stem in the case folder -> its table."""

CASE_VIEWS: dict[str, Table] = {
    "samples": SAMPLES,
    "timeline": TIMELINE,
    "origins": ORIGINS,
    "member_details": MEMBER_DETAILS,
    "addresses": ADDRESSES,
    "cited": CITED,
    "taken": TAKEN,
    "phrases": PHRASE_HASHES,
}
"""File stem in the case folder -> table that only readers need; no finding depends on it."""
