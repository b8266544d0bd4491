"""The rules of inference, on small made-up logs: what may convict, what may not, and what is evidence against."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import Story, campaign_bits, odds_against, score_story, statements, story_tables, verdict

from stillhunt.base.config import Config
from stillhunt.base.explanations import EXPLANATION_OF
from stillhunt.base.formatting import odds_in_words
from stillhunt.base.progress import Silent
from stillhunt.score import score_campaigns
from stillhunt.score.evidence.kinds.even_volume import P as VOLUMES
from stillhunt.score.stats.homogeneity import Homogeneity, index_bits
from stillhunt.score.stats.honest_reference import TIME_REFERENCE, TOPIC_REFERENCE, Overdispersion
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(60))
UNRELATED = Story(content_bits=0.0, queue_bits=0.0, one_queue=False, even_volume=False, repeated=0.5, follow_ups=0.3)


def test_a_linked_group_with_one_work_queue_is_acted_on() -> None:
    """The story that all others are compared with."""
    tables = score_story(Story(linked=True, bursts=True))
    assert verdict(tables) == "act"
    flagged = tables["accounts"].filter(tables["accounts"]["flagged"])["account_id"].to_pylist()
    assert flagged == Story().names()
    assert set(tables["campaigns"]["families"][0].as_py()) >= {"content", "queue"}
    assert tables["campaigns"]["kind"][0].as_py() == "harvest"
    assert tables["evidence"]["family"].to_pylist().count("explanations") == len(odds_against(tables)) == 5


@pytest.mark.parametrize(
    "story",
    [
        Story(linked=True, bursts=True, organisation="org-1"),
        Story(linked=True, bursts=True, own_domain=True, countries=1),
    ],
    ids=["declared organisation", "help desk of one firm"],
)
def test_a_group_that_openly_is_one_customer_is_left_alone(story: Story) -> None:
    """Tickets handed out to the seats of one firm look like a harvest in every log."""
    tables = score_story(story)
    assert verdict(tables) == "none"
    odds = odds_against(tables)
    assert min(odds, key=lambda key: odds[key]) == "customer", "which says what it is"
    assert not odds.keys() & {"company", "reseller"}, "and it hides nothing"


def test_one_card_behind_many_countries_is_no_open_customer() -> None:
    """The contradiction is what rented identities show."""
    tables = score_story(Story(linked=True, bursts=True, own_domain=True, countries=9))
    assert verdict(tables) == "act"
    assert "open_customer" not in campaign_bits(tables)


def test_linkage_alone_never_convicts() -> None:
    """One card, address, client, sign-up window and working time: one operation, and not yet one that harvests."""
    tables = score_story(replace(UNRELATED, linked=True, bursts=True))
    assert odds_against(tables)["chance"] > odds_against(score_story(UNRELATED))["chance"] + 10.0, "the link is seen"
    assert verdict(tables) == "none"
    assert not any(tables["accounts"]["flagged"].to_pylist())


def test_one_operator_whose_accounts_pose_is_put_up_for_review_as_that() -> None:
    """Without people behind them; nothing is counted as harvested, and nobody is flagged."""
    posing = replace(UNRELATED, linked=True, bursts=True, repeated=0.2, follow_ups=0.0)
    tables = score_story(posing)
    (campaign,) = tables["campaigns"].to_pylist()
    assert (campaign["verdict"], campaign["kind"]) == ("review", "posing")
    assert tables["harvest"].num_rows == 0
    accounts = tables["accounts"].to_pylist()
    assert {row["account_id"] for row in accounts if row["verdict"] == "review"} == set(posing.names())
    assert not any(row["flagged"] or row["score"] or row["harvest_requests"] for row in accounts)
    assert "posing_customers" in campaign_bits(tables)
    assert verdict(score_story(replace(posing, follow_ups=0.4))) == "none", "people ask back"


def test_a_declared_organisation_is_explained() -> None:
    """The same seats with and without a declared organisation: what they share counts only without."""
    seats = replace(UNRELATED, linked=True, content_bits=6.0)
    hidden, declared = score_story(seats), score_story(replace(seats, organisation="org-1"))
    assert campaign_bits(declared)["declared_organisation"] < 0
    assert not campaign_bits(declared).keys() & {"posing_customers", "unlinked_customers"}
    assert not campaign_bits(declared).keys() & {"payment_fingerprint", "created_at", "client_ip", "email_domain"}
    assert declared["campaigns"]["score"][0].as_py() < hidden["campaigns"]["score"][0].as_py()
    assert verdict(declared) == "none"
    assert "100 % of its accounts declare one organisation" in statements(declared)["declared_organisation"]


@pytest.mark.parametrize("repeated", [0.2, 0.6, 0.95])
def test_items_of_a_public_set_are_evidence_against(repeated: float) -> None:
    """A benchmark or an assignment: several accounts send the very same prompts."""
    tables = score_story(Story(repeated=repeated))
    assert campaign_bits(tables)["no_repeats"] < 0
    assert statements(tables)["no_repeats"].startswith("Its accounts repeat each other's prompts")
    assert tables["campaigns"]["score"][0].as_py() < score_story(Story())["campaigns"]["score"][0].as_py()


def test_popular_mail_domains_earn_nothing() -> None:
    tables = score_story(Story(domains=(0.45, 0.25, 0.1)))
    assert "email_domain" not in campaign_bits(tables)


def test_everyone_at_the_most_popular_provider_earns_nothing() -> None:
    """No member has a domain of its own, but four in ten customers have none either."""
    popular = Story(domains=(0.4, 0.3, 0.3))
    assert "email_domain" not in campaign_bits(score_story(popular))


@pytest.mark.parametrize("carrier", [0.05, 0.2, 0.6])
def test_carrier_addresses_earn_nothing(carrier: float) -> None:
    tables = score_story(Story(carrier=carrier))
    assert not campaign_bits(tables).keys() & {"client_ip", "client_prefix"}


def test_a_campaign_that_is_most_of_the_log_is_not_common_for_that() -> None:
    """Comparison accounts alone make the rate, so half of all accounts with one card are still a finding."""
    tables = score_story(Story(members=100, others=100, linked=True))
    # Three keys of identity and three of the network are shared by all, and no key of theirs is common.
    assert campaign_bits(tables)["payment_fingerprint"] > 1_000.0
    assert set(tables["campaigns"]["families"][0].as_py()) >= {"identity", "network"}
    assert verdict(tables) == "act"


def test_follow_ups_are_evidence_against() -> None:
    single, talking = (campaign_bits(score_story(Story(follow_ups=share))) for share in (0.0, 0.4))
    assert single["follow_ups"] > 0 > talking["follow_ups"]


def test_answers_that_stand_in_every_call_of_an_account_are_examples() -> None:
    """Few-shot prompts hold answers too: nobody asks back in them, and those who do are still seen."""
    assert campaign_bits(score_story(Story(examples=3))) == campaign_bits(score_story(Story()))
    assert campaign_bits(score_story(Story(examples=3, follow_ups=0.4)))["follow_ups"] < 0


def test_a_log_that_is_too_small_for_a_kind_says_so() -> None:
    (traffic, sliced, candidates), customers = story_tables(Story())
    unknown = pa.array(np.full(sliced.num_rows, -1), sliced.schema.field("topic").type)
    sliced = sliced.set_column(sliced.schema.get_field_index("topic"), sliced.schema.field("topic"), unknown)
    tables = score_campaigns(traffic, sliced, candidates, customers, Config(), Silent())[0]
    assert campaign_bits(tables)["topic_mixture"] == 0
    assert statements(tables)["topic_mixture"].startswith("Too few of its requests have a known topic (0 of ")
    assert "oo few" not in " ".join(statements(score_story(Story())).values())


@pytest.mark.parametrize("seed", range(4))
def test_own_topics_are_evidence_against_and_uneven_volumes_never_for(seed: int) -> None:
    """Also where the members with the oddest volumes leave first: who stays was chosen for even volume."""
    found = campaign_bits(score_story(replace(UNRELATED, repeated=0.0, seed=seed)))
    assert found["topic_mixture"] < 0
    assert found.get("even_volume", 0.0) <= 0


def test_volumes_near_the_cut_off_earn_little() -> None:
    """Slices below the least size are left out, which makes the rest look even by itself."""
    assert 0.0 < campaign_bits(score_story(Story(prompts=7)))["even_volume"] <= VOLUMES.cut_cap_bits
    assert campaign_bits(score_story(Story(prompts=40)))["even_volume"] > VOLUMES.cut_cap_bits


def test_statements_contain_their_figures() -> None:
    story = Story(linked=True, bursts=True, repeated=0.004, seed=3)
    tables = score_story(story)
    said = statements(tables)
    assert len(said) >= 9
    for kind, text in said.items():
        assert kind == "prior" or re.search(r"\d", text), f"{kind} gives no figure: {text}"
        assert "nan" not in text
    assert said["phrase_mixture"].startswith(f"{story.members} accounts")
    assert f"{story.members * story.content_bits:.0f} bits on held-out requests" in said["phrase_mixture"]
    index = float(re.search(r"index ([\d.]+)", said["topic_mixture"]).group(1))  # type: ignore[union-attr]  # it must
    assert index == pytest.approx(1.0, abs=0.25)
    requests = tables["campaigns"]["requests"][0].as_py()
    volumes = np.array([row["requests"] for row in tables["members"].to_pylist()])
    assert volumes.sum() == requests
    assert f"mean {volumes.mean():.0f}, standard deviation {volumes.std():.1f}" in said["even_volume"]
    assert f"All {story.members} accounts pay with 1 payment instrument," in said["payment_fingerprint"]


def test_the_prior_says_which_explanation_the_findings_are_weighed_against() -> None:
    posing = replace(UNRELATED, linked=True, bursts=True, repeated=0.2, follow_ups=0.0)
    for story, claim, key in (
        (Story(), "harvests", "public"),
        (Story(linked=True, bursts=True, organisation="org-1"), "harvests", "customer"),
        (posing, "is one operator's", "chance"),
    ):
        tables = score_story(story)
        assert (
            statements(tables)["prior"] == f"Odds that a group like this {claim}, and is not {EXPLANATION_OF[key].name}"
        )
        rows = [row for row in tables["evidence"].to_pylist() if row["family"] == "explanations"]
        assert [row["kind"] for row in rows] == [one for one in EXPLANATION_OF if one in odds_against(tables)]
        for row in rows:
            said = row["statement"].removesuffix(" a harvest").rpartition(": ")
            assert said[0].casefold() == EXPLANATION_OF[row["kind"]].name.casefold()
            assert said[2] == odds_in_words(row["raw_bits"])


def test_too_few_or_unbelieved_members_are_no_campaign() -> None:
    tables = score_story(Story(linked=True), Config(resolve={"min_accounts": 21}))
    assert verdict(tables) == "none"
    unbelieved = score_story(Story(content_bits=-6.0, queue_bits=-6.0))
    assert verdict(unbelieved) == "none"
    assert not any(unbelieved["accounts"]["flagged"].to_pylist())


@steady
@given(st.floats(0.3, 40.0), st.floats(5, 5_000), st.floats(2, 500), st.integers(3, 300))
def test_index_bits_are_finite_and_bounded(index: float, freedom: float, size: float, accounts: int) -> None:
    for reference in (TOPIC_REFERENCE, TIME_REFERENCE):
        got = index_bits(Homogeneity(index * freedom, freedom, size, accounts), reference)
        assert np.isfinite(got)
        assert got >= np.log2(1.0 - reference.queue_share) - 1e-9, "some operations show no such view: bounded below"


@pytest.mark.parametrize("reference", [TOPIC_REFERENCE, TIME_REFERENCE])
def test_an_index_of_one_is_evidence_for_and_a_large_one_against(reference: Overdispersion) -> None:
    def at(index: float) -> float:
        return index_bits(Homogeneity(index * 900.0, 900.0, 60.0, 30), reference)

    assert at(1.0) > 0 > at(6.0)
    assert index_bits(Homogeneity(0.0, 0.0, 0.0, 5), reference) == 0.0
