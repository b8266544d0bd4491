"""The answers that `stillhunt model prove` compares: harvested ones and honest ones, from logs and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhunt import Config, ConfigError
from stillhunt.case import Case, resolve_id
from stillhunt.commands import pairs
from stillhunt.tools import Progress, formatting
from stillhunt_evidence.packs.contents import harvest_digest
from stillhunt_model.proof.parameters import MOST_COMPARED_ANSWERS
from stillhunt_model.tasks.harvest_files import answers_of_file, honest_of_file
from stillhunt_model.tasks.harvest_texts import (
    AnswerLogs,
    HarvestedAnswer,
    campaign_answers,
    check_harvested,
    check_honest,
)
from stillhunt_model.tasks.honest_texts import honest_answers, sort_out_sendable

if TYPE_CHECKING:  # torch, which takes seconds
    from stillhunt_model.proof.proving import CampaignHarvest


@dataclass(frozen=True)
class ProveFault:
    """One thing that is missing on the command line, and what to add."""

    what: str
    step: str


def refuse_faults(faults: Sequence[ProveFault]) -> None:
    """Tell of everything that is missing at once.

    Raises ConfigError: something is.
    """
    if faults:
        steps = "; ".join(one.step for one in faults)
        raise ConfigError(
            "; ".join(one.what for one in faults), where="prove", next_step=steps.replace("--", ""), command_step=steps
        )


Answers = dict[str, list[HarvestedAnswer]]
"""Campaign -> answers."""


@dataclass(frozen=True)
class AnswerSources:
    """Where answers are, as the command line names it."""

    case: Path | None
    responses: list[str] | None
    mapping: list[str] | None
    harvest: Path | None  # a file in place of logs
    honest: Path | None
    honest_from_logs: bool  # whether servers may get those of the logs

    def faults(self, *, is_sent: bool) -> list[ProveFault]:
        """Sources that are missing or do not go together.

        `is_sent`: whether the suspect or the teacher is behind a server.
        """
        found = []
        if (self.harvest is None) == (not self.responses):
            what = "harvested answers come from logs or from one file"
            found.append(ProveFault(what, "give --case with --responses, or --harvest"))
        elif self.responses and self.case is None:
            what = "the logs do not say which answers were harvested; a case does"
            found.append(ProveFault(what, "add --case CASE"))
        if self.harvest is not None and (self.mapping or self.honest_from_logs):
            what = "--map and --honest-from-logs have no effect here: they are about logs"
            found.append(ProveFault(what, "leave them out"))
        if is_sent and self.honest is None and not self.honest_from_logs:
            found.append(
                ProveFault(
                    "a server of the suspect or of the teacher gets prompts of honest accounts, to compare",
                    "add --honest FILE, with answers that you may send, such as `stillhunt model prepare` writes, or "
                    "--honest-from-logs if you may send what your customers asked",
                )
            )
        return found

    def gather(self, campaign_ids: list[str], config: Config, progress: Progress) -> list[CampaignHarvest]:
        """The answers of each campaign, with honest ones to compare.

        `campaign_ids`: ids or beginnings of them; empty for all with the verdict act. Raises InputError: logs or files
        cannot be read. Raises CaseError: the case cannot.
        """
        named = resolve_campaign_ids(self.case, campaign_ids)
        if self.harvest is not None:
            found, others = answers_of_file(self.harvest, named, config.seed, config.model.queries), Answers()
            if self.case is not None:
                check_harvested(self.case, found)
        else:
            assert self.case is not None  # noqa: S101  # faults
            logs = open_answer_logs(self.case, self.responses or [], self.mapping)
            found = campaign_answers(logs, named, config, config.model.queries, progress)
            others = honest_of_logs(logs, found, config, progress) if self.honest is None else Answers()
            if self.honest_from_logs:
                others, left_out = sort_out_answers(others)
                progress.note(describe_sorted_out(left_out))
        return _build_campaign_harvests(found, others, self, config)


def open_answer_logs(case: Path, responses: list[str], mapping: list[str] | None) -> AnswerLogs:
    """The logs of a case.

    Raises CaseError: the case cannot be read.
    """
    members = Case.read(case).members["account_id"].combine_chunks()
    return AnswerLogs(case, members, responses, pairs(mapping, "--map"))


def honest_of_logs(source: AnswerLogs, found: Answers, config: Config, progress: Progress) -> Answers:
    """Campaign -> answers to honest accounts of the same models and days as what it harvested.

    Raises InputError: the logs cannot be read.
    """
    from stillhunt_model.proof.control_answers import drawn_again, why_not_drawn  # torch, which takes seconds

    compared = {campaign: drawn_again(answers)[:MOST_COMPARED_ANSWERS] for campaign, answers in found.items()}
    return honest_answers(source, compared, lambda one: not why_not_drawn(one), config, progress)


def sort_out_answers(honest: Answers) -> tuple[Answers, Counter[str]]:
    """Honest answers that may be sent, and why others may not -> how many."""
    kept, left_out = Answers(), Counter[str]()
    for campaign, answers in honest.items():
        kept[campaign], reasons = sort_out_sendable(answers)
        left_out += reasons
    return kept, left_out


def describe_sorted_out(left_out: Counter[str]) -> str:
    """How many honest answers are not sent, and why."""
    reasons = formatting.join_some([f"{why} in {count:,}" for why, count in left_out.most_common()], len(left_out))
    return f"Honest answers left out: {reasons or 'none'}"


def _build_campaign_harvests(
    found: Answers, honest: Answers, sources: AnswerSources, config: Config
) -> list[CampaignHarvest]:
    from stillhunt_model.proof.proving import CampaignHarvest  # torch, which takes seconds

    if sources.honest is not None:
        sent = honest_of_file(sources.honest, config.seed, config.model.queries)
        check_honest(sources.case, sent, found)
        honest = dict.fromkeys(found, sent)
    harvests = []
    for campaign, answers in found.items():
        digest: dict[str, Any] = {} if sources.case is None else harvest_digest(sources.case, campaign)
        others = tuple(honest.get(campaign, ()))
        requests, sha256 = digest.get("requests", 0), digest.get("sha256", "")
        harvests.append(CampaignHarvest(campaign, tuple(answers), others, requests, sha256))
    return harvests


def resolve_campaign_ids(case: Path | None, named: list[str]) -> list[str]:
    """Ids of campaigns that are named by their beginnings, of all with the verdict act where none is.

    `case`: None where a file alone says which there are. Raises ConfigError: an id is unknown, or of several.
    """
    if case is None:
        return list(dict.fromkeys(named))
    tables = Case.read(case).tables
    if named:
        return list(dict.fromkeys(resolve_id(tables, one, ("campaign",))[1] for one in named))
    rows = tables["campaigns"].select(["campaign_id", "verdict"]).to_pylist()
    return [row["campaign_id"] for row in rows if row["verdict"] == "act"]
