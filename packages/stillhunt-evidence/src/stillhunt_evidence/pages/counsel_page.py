"""The page for counsel: the claim in its exact strength, custody, alternatives, error rates, limits, and fairness."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stillhunt.case import LEAST_BITS, NAME_CHARS, CampaignModel, Case, coverage_parts, family_label
from stillhunt.tools import formatting
from stillhunt.verdicts import FAMILY_OF, OTHERS, SIGN_KINDS
from stillhunt_evidence.pages.alternatives import ONE_OPERATOR, Alternative, PartOfOdds, operators_of
from stillhunt_evidence.pages.assessment import not_weighed
from stillhunt_evidence.pages.drawings import FitBar, fit_bars
from stillhunt_evidence.pages.error_rates import ChangedSettings, error_rates, evidence_bits
from stillhunt_evidence.pages.facts import DossierFacts
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS
from stillhunt_evidence.pages.trained_models import training_sentences

_FINDINGS_SHOWN = 6
_AGAINST_SHOWN = 8
_PARTS_SHOWN = 4
_INPUTS_SHOWN = 12
_NOT_LOOKED_UP = 6
_DIGEST_CHARS = 64
_SENTENCE_CHARS = 300
_NO_PARTS = "The rules of another version weighed it, so its parts are not shown."
_ALL_DEFAULTS = "Those of the search, the score and the seed are all the defaults."


def counsel_page(
    case: Case,
    model: CampaignModel,
    alternatives: Sequence[Alternative],
    facts: DossierFacts,
    changed: ChangedSettings,
) -> dict[str, Any]:
    """What counsel's page says, by the names that the template has for it; every text is bounded and safe to show."""
    bars, zero = fit_bars(alternatives)
    rows = [_alternative_row(one, bar) for one, bar in zip(alternatives, bars, strict=True)]
    budget: Mapping[str, Any] = case.run.get("budget", {})
    return {
        "shows": _describe_shown_facts(model),
        "consistent": _describe_consistent_claims(case, model, alternatives),
        "not_shown": tuple(formatting.sentence(one) for one in model.limits),
        "not_weighed": "" if alternatives else not_weighed(model),
        "counted": _in_full(alternatives[0].against) if alternatives else (),
        "explained": _in_full(alternatives[0].explained) if alternatives else (),
        "caution": PAGE_TEXTS["keys_caution"],
        "alternatives": rows,
        "zero": zero,
        "against": _list_findings_against(model),
        "rates": error_rates(model.row["score"], evidence_bits(model), budget, changed),
        "withheld": changed.withheld,
        "not_covered": tuple(PAGE_TEXTS["not_covered"]),
        "inputs": _build_input_rows(facts),
        "more_inputs": max(0, len(facts.inputs) - _INPUTS_SHOWN),
        "custody": (*_build_custody_rows(facts), ("Settings", changed.sentence or _ALL_DEFAULTS)),
        "redacted": _describe_redactions(facts),
        "not_examined": _not_examined(case, model),
        "trained": training_sentences(facts.proof),
        "fairness": tuple(PAGE_TEXTS["fairness"]),
    }


def _describe_shown_facts(model: CampaignModel) -> tuple[str, ...]:
    row = model.row
    counted = (
        f"{formatting.plural(row['accounts'], 'account')} sent {formatting.plural(row['requests'], 'request')} of this "
        f"kind {formatting.during(row['first_seen'], row['last_seen'])}."
    )
    found = [term for term in model.strongest if term.family != OTHERS]
    return (counted, *(formatting.sentence(term.shown) for term in found[:_FINDINGS_SHOWN]))


def _describe_consistent_claims(
    case: Case, model: CampaignModel, alternatives: Sequence[Alternative]
) -> tuple[str, ...]:
    if alternatives and alternatives[0].claim == ONE_OPERATOR:
        what = "accounts of one operator that pose as those of separate customers"
    elif model.harvests:
        what = "accounts that work as one operation and collect answers from one work queue"
    else:
        what = f"accounts of one operator: {model.kind}"
    said = [f"{formatting.sentence_case(what)}. Probability: {model.probability} ({model.likelihood})."]
    said += [f"Of the other explanations this one fits best: {one.name}. It is {one.odds}." for one in alternatives[:1]]
    said += [f"What the operator may be: {one.name}. That is {one.odds}." for one in operators_of(case, model)[:1]]
    return tuple(said)


def _alternative_row(one: Alternative, bar: FitBar) -> dict[str, Any]:
    if one.prior_bits is None:
        parts: tuple[str, ...] = (_NO_PARTS,)
    else:
        before = f"Before any evidence {formatting.bits(one.prior_bits)}."
        parts = (before, *_by_family("Against it", one.against, 1), *_by_family("For it", one.for_it, -1))
    return {
        "name": one.name,
        "parts": parts,
        "settles": one.explanation.settles,
        "bits": formatting.bits(one.odds_bits),
        "odds": one.odds,
        "bar": bar,
    }


def _by_family(label: str, parts: Sequence[PartOfOdds], sign: int) -> tuple[str, ...]:
    """The bits of each family in a sentence, the strongest first; nothing where there are none."""
    sums: dict[str, float] = {}
    for part in parts:
        name = family_label(part.family).lower() if part.family else part.statement.lower()
        sums[name] = sums.get(name, 0.0) + part.bits
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{formatting.shorten(name, NAME_CHARS)} {formatting.bits(sign * bits)}" for name, bits in ordered]
    return (f"{label}: {', '.join(shown)}.",) if shown else ()


def _in_full(parts: Sequence[PartOfOdds]) -> tuple[str, ...]:
    """The strongest findings with their bits."""
    shown = [f"{formatting.sentence(part.statement)} ({formatting.bits(part.bits)})" for part in parts[:_PARTS_SHOWN]]
    rest = parts[_PARTS_SHOWN:]
    if rest:
        total = formatting.bits(math.fsum(part.bits for part in rest))
        shown.append(f"{formatting.plural(len(rest), 'weaker finding')} ({total})")
    return tuple(shown)


def _list_findings_against(model: CampaignModel) -> tuple[tuple[str, str], ...]:
    """Every finding against a harvest, whether or not it counts for the explanation that leads."""
    measured = [term for term in model.total.terms if term.family in FAMILY_OF and term.raw_bits <= -LEAST_BITS]
    strongest = sorted(measured, key=lambda term: (term.raw_bits, term.kind))
    return tuple(
        (formatting.sentence(term.shown), f"{formatting.bits(term.raw_bits)} bits as measured")
        for term in strongest[:_AGAINST_SHOWN]
    )


def _build_input_rows(facts: DossierFacts) -> list[dict[str, str]]:
    return [
        {
            "name": formatting.shorten(one.name, NAME_CHARS),
            "sha256": formatting.shorten(one.sha256, _DIGEST_CHARS) or "not taken",
            "bytes": formatting.count(one.bytes),
            "rows": formatting.count(one.rows),
        }
        for one in facts.inputs[:_INPUTS_SHOWN]
    ]


def _build_custody_rows(facts: DossierFacts) -> tuple[tuple[str, str], ...]:
    shown = [(formatting.shorten(n, NAME_CHARS), formatting.shorten(v, NAME_CHARS)) for n, v in facts.versions]
    versions = ", ".join(f"{name} {version}" for name, version in shown) or "not recorded"
    signer = formatting.shorten(facts.signer, 2 * NAME_CHARS)
    digest = formatting.shorten(facts.request_digest, _DIGEST_CHARS)
    seed = "not recorded" if facts.seed is None else formatting.shorten(str(facts.seed), NAME_CHARS)
    rows = [
        ("Computed by", f"{versions}; seed {seed}"),
        (
            "Signed by",
            f"the key with fingerprint {signer}" if signer else "nobody; this page is not part of a signed pack",
        ),
        ("Time stamp", formatting.shorten(facts.time_stamp, _SENTENCE_CHARS) or "none"),
    ]
    if digest:
        count = formatting.plural(facts.request_count, "request")
        rows.append(("Ids of all requests", f"{count}; SHA-256 of the list of ids: {digest}"))
    return tuple(rows)


def _describe_redactions(facts: DossierFacts) -> tuple[str, ...]:
    excerpts = (
        "Excerpts are as the case has them: redacted, and not shortened further."
        if facts.full_excerpts
        else "Excerpts are short and redacted; they are a sample, and the log has the whole prompts."
    )
    ids = (
        "Ids of accounts, requests and organisations are keyed hashes: only the provider who made this pack can say "
        "which account is meant."
        if facts.pseudonyms
        else "Ids are those of the log: they may be personal data."
    )
    return (ids, excerpts, "Placeholders stand for secrets, addresses, names and numbers that could point to a person.")


def _not_examined(case: Case, model: CampaignModel) -> tuple[str, ...]:
    sentences = ["Traffic outside of these logs, at other providers, or before and after the period."]
    sentences.append("What the account holders say: nobody asked them before this page was made.")
    for part in coverage_parts(case.run):
        if part["state"] != "available":
            gap = part["sentence"] or part["missing"]
            sentences.append(formatting.sentence(f"{part['family']} evidence is {part['state']}: {gap}"))
    for gap in [str(one) for one in case.run.get("unenriched", [])][:_NOT_LOOKED_UP]:
        shown = formatting.shorten(gap.split(": ")[0], _SENTENCE_CHARS)
        sentences.append(formatting.sentence(f"Not looked up: {shown}"))
    sampled = case.run.get("sampled", {}).get("sentence", "")
    if sampled:
        sentences.append(formatting.sentence(formatting.shorten(str(sampled), _SENTENCE_CHARS)))
    lacking = [term for term in model.total.insufficient if term.kind not in SIGN_KINDS]
    sentences += [formatting.sentence(f"Insufficient data: {term.shown}") for term in lacking]
    rejects = int(case.run.get("counts", {}).get("rejects") or 0)
    if rejects:
        sentences.append(f"{formatting.plural(rejects, 'row')} of the log could not be used, and were set aside.")
    return tuple(sentences)
