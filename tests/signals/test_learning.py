"""What is learned of a signal: much from a clear past, nothing from noise, little from little, never from ourselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from signal_files import signal, simulated, values_of

from stillhunt import InputError
from stillhunt_signals.signals.learned_file import read_learned, write_learned
from stillhunt_signals.signals.learning import LEAST_SIGNAL_BITS, MOST_SIGNAL_BITS, LearnedSignal, learn_signal
from stillhunt_signals.signals.past import Past, PastAccount, read_past

CLEAR, HONEST = [0.6, 0.4, 0.8, 0.5, 0.7] * 4, [0.05, 0.0, 0.1] * 4


def learned(confirmed: list[float], dismissed: list[float], seed: int = 0) -> LearnedSignal:
    marks, past = simulated(np.random.default_rng(seed), confirmed, dismissed)
    return learn_signal(signal(), values_of(signal(), marks), past)


def test_a_clear_past_gives_bits_either_way_within_bounds() -> None:
    one = learned(CLEAR, HONEST)
    assert one.trust > 0.7
    assert one.bits_of(np.array([10, 20])) == MOST_SIGNAL_BITS
    assert LEAST_SIGNAL_BITS <= one.bits_of(np.array([30, 0])) < -0.5
    assert one.bits_of(np.array([0, 2])) == 0.0, "two accounts with a value are too few"


def test_noise_earns_nothing() -> None:
    """Of forty signals without a difference at most three get any weight, and no group two bits of it."""
    ones = [learned([0.05] * 20, [0.05] * 10, seed) for seed in range(40)]
    assert sum(one.trust > 0 for one in ones) <= 3
    assert max(abs(one.bits_of(np.array([20, 10]))) for one in ones) < 2.0


def test_a_short_past_earns_little() -> None:
    trusts = [learned(CLEAR[:groups], HONEST).trust for groups in (0, 1, 4, 20)]
    assert trusts == sorted(trusts)
    assert trusts[0] == 0.0
    assert trusts[1] <= 0.25
    assert learned(CLEAR[:1], HONEST).bits_of(np.array([10, 20])) < learned(CLEAR, HONEST).bits_of(np.array([10, 20]))


def test_groups_are_counted_and_not_accounts() -> None:
    """One campaign in four has the mark on all its accounts: that is no thirty observations."""
    mixed = learned([1.0, 0.05, 0.0, 0.05] * 5, HONEST)
    assert mixed.alike > 0.5
    assert mixed.bits_of(np.array([15, 15])) < MOST_SIGNAL_BITS


def test_what_was_made_of_our_own_decisions_is_refused() -> None:
    marks, past = simulated(np.random.default_rng(1), [1.0] * 5, [0.0] * 5, others=0.0)
    with pytest.raises(InputError, match="what we decided: 150 of 150 accounts") as caught:
        learn_signal(signal(), values_of(signal(), marks), past)
    assert "own decisions" in (caught.value.next_step or "")


def test_what_became_known_after_the_decision_is_not_learned_from() -> None:
    marks, past = simulated(np.random.default_rng(2), CLEAR, HONEST)
    dated = Past(tuple(one._replace(decided_at=1_000.0) for one in past.accounts))
    late, early = (
        learn_signal(signal(), values_of(signal(), marks, dict.fromkeys(marks, at)), dated) for at in ("2000", "999")
    )
    assert (late.confirmed, late.trust) == (0, 0.0)
    assert early.confirmed == len(CLEAR)


def test_an_identifier_that_a_group_shares_is_learned_as_shared_or_not() -> None:
    rng = np.random.default_rng(3)
    cards, past = {}, []
    for group in range(12):
        for place in range(20):
            name = f"c{group}-{place}"
            cards[name] = f"card{group}-{place // 5}" if group % 3 else f"own-{name}"
            past.append(PastAccount(name, f"c{group}", "confirmed"))
    cards |= {f"o{place}": f"card-o{rng.integers(2_900)}" for place in range(3_000)}
    one = signal(kind="shared")
    found = learn_signal(one, values_of(one, cards), Past.of(past))
    assert found.bits_of(np.array([2, 18])) > 0.5
    assert found.bits_of(np.array([20, 0])) < 0.0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    one = learned(CLEAR, HONEST)
    write_learned(tmp_path / "signals.json", [one])
    assert read_learned(tmp_path / "signals.json") == {"mark": one}


def test_a_past_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    file.write_text("account_id,outcome,group\na,confirmed,g\nb,Acted,g\nc,honest,\na,dismissed,h\n")
    past = Past.of(read_past(file))
    assert [one.account_id for one in past.groups("confirmed")["g"]] == ["b"], "a was found honest later"
    file.write_text("account_id,outcome\na,guilty\n")
    with pytest.raises(InputError, match="line 2"):
        read_past(file)
