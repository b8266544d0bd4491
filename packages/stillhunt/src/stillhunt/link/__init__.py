"""Which slices belong to one operator: SKETCHES in account partitions -> LINKS, and the requests that are judged.

The method in short. A template shows as phrases that recur across an account's different prompts
(`templates.recurring_phrases`). Phrases that occur in the same requests of the same accounts make a content cluster
(`templates.clusters`), and clusters that the same accounts use are fragments of one (`templates.merge_fragments`). One
account's requests in one cluster are a slice (`groups.slices`). If each account uses a template in its own way, the
accounts are unrelated. Accounts whose mixtures of phrases and topics differ by no more than sampling noise draw from
one work queue; they are searched for on one fold of the conversations and judged on the other (`groups.groups`). Cover
traffic and real customers fall into other slices, so mixing does not dilute. If no run of words recurs, accounts may
still share recurring words; requests in such a wording style make one more content cluster (`style`). Traffic without a
template is cut by request style and client (`workload.untemplated_slices`) and searched for accounts that draw the
topics and the amount of work of one queue (`workload.work_queues`), which are divided into operators
(`workload.operators`).

Requests are read one partition at a time; the searches use counts by slice.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.container_memory import give_back
from stillhunt.base.dataset import Dataset
from stillhunt.base.progress import Progress
from stillhunt.link.judged_requests import JudgedRequests
from stillhunt.link.placing import Learned
from stillhunt.link.requests.arrays import Flags
from stillhunt.link.requests.index_requests import IndexedLog, background_accounts, index_requests
from stillhunt.link.style.style_groups import with_styles
from stillhunt.link.template_groups import Found, TemplateSearch, find_template_groups, links_table, totals_table
from stillhunt.link.templates.clusters import content_clusters
from stillhunt.link.templates.recurring_phrases import find_shared_phrases
from stillhunt.link.topics.topics import request_topics, template_words, without_stock_sentences
from stillhunt.link.workload.operators import Operator, find_operators
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices, untemplated_slices


@dataclass(frozen=True)
class Linked:
    """What the search found."""

    links: pa.Table
    totals: pa.Table
    traffic: pa.Table
    sliced: pa.Table
    learned: Learned


def link_slices(sketches: Dataset, config: Config, progress: Progress, remembered: pa.Table | None = None) -> Linked:
    """Cut traffic into slices and find the groups among them.

    `remembered`: REMEMBERED, groups of earlier looks that are judged whatever this search finds.
    """
    least = config.link.min_slice_requests
    with progress.stage("finding templates", 4, "steps") as advance:
        log = index_requests(sketches, seed=config.seed)
        advance(1)
        shared_phrases = find_shared_phrases(log)
        advance(1)
        clusters = content_clusters(shared_phrases, log.accounts).shared_by(config.resolve.min_accounts)
        advance(1)
        known, worded = shared_phrases.known, shared_phrases.worded
        del shared_phrases
        template, least_accounts = template_words(clusters, least), config.resolve.min_accounts
        clusters = without_stock_sentences(clusters, template, worded=worded, least_accounts=least_accounts)
        rows, topics = request_topics(log, clusters, template, worded=worded, seed=config.seed)
        advance(1)
    give_back()
    found, label_of = find_template_groups(TemplateSearch(clusters, rows, log.accounts, config, progress))
    # The phrases of all requests are most of what is held; the remaining steps do without them.
    templates_only = replace(clusters, rows=rows.without(("known",)))
    learned = Learned(known, clusters.of_known, label_of, topics)
    give_back()
    with progress.stage("finding styles", 1, "steps") as advance:
        clusters, found, label_of = with_styles(templates_only, found, label_of, log.accounts, config)
        rows = clusters.rows
        advance(1)
    with progress.stage("finding workloads", 2, "folds") as advance:
        grouped = np.isin(label_of, [group.cluster for _, group in found])
        untemplated = untemplated_slices(rows, grouped)
        judged = JudgedRequests(rows, log.account_ids, grouped, label_of, clusters.count, untemplated.names)
        operators = _operators_of_folds(untemplated, config, advance)
    links = links_table(log, found, untemplated, operators, judged.labels(untemplated), templates_only.count)
    background = background_accounts(log, config.seed, config.link.background_accounts, config.link.background_requests)
    wanted = background | _held_accounts(log, found, untemplated, operators)
    if remembered is not None:
        wanted |= pc.is_in(log.account_ids, remembered["account_id"]).to_numpy(zero_copy_only=False)
    # What is noted of each request for the search goes before the requests come.
    judged = replace(judged, rows=rows.without(("owner", "order")))
    log = replace(log, rows=judged.rows)
    del clusters, templates_only, rows, found, untemplated, operators, grouped, label_of
    give_back()
    with progress.stage("gathering traffic", None, "requests") as advance:
        traffic, sliced = judged.traffic(wanted)
        advance(traffic.num_rows)
    return Linked(links, totals_table(log, background), traffic, sliced, learned)


def _operators_of_folds(
    untemplated: UntemplatedSlices, config: Config, advance: Callable[[int], None]
) -> list[Operator]:
    """Operators found on either fold; the folds are searched side by side."""
    with ThreadPoolExecutor(min(config.threads or 2, 2), "stillhunt-workloads") as pool:
        least = config.resolve.min_accounts
        folds = [pool.submit(find_operators, untemplated, formed_on=fold, least=least) for fold in (0, 1)]
        found = []
        for fold in folds:
            found += fold.result()
            advance(1)
    return found


def _held_accounts(log: IndexedLog, found: Found, untemplated: UntemplatedSlices, operators: list[Operator]) -> Flags:
    """True for the accounts that belong to a group or fit one."""
    held = np.zeros(log.accounts, bool)
    for slices, group in found:
        held[slices.account[group.members]] = True
        held[slices.account[group.phrase + group.topic > 0]] = True
    for operator in operators:
        held[untemplated.account[operator.slices]] = True
    return held
