from stillhunt_cut_answers import PLUGIN


def test_its_bits_stay_within_its_bounds() -> None:
    assert PLUGIN.finding(99.0, {"share": 0.5}).bits == PLUGIN.most_bits
