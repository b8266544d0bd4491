"""Counts of one in sentences of the rooms beside distillation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from stillhunt.base.errors import InputError
from stillhunt_model.damage import report
from stillhunt_model.damage.splitting import HARVESTED, _check_sample_counts
from stillhunt_model.damage.students import StudentSpec


def test_one_answer_and_one_layer_are_singular() -> None:
    one: Any = object()
    with pytest.raises(InputError, match="there is 1 harvested answer to learn from"):
        _check_sample_counts({HARVESTED: [one]}, 2, 100)
    result: Any = SimpleNamespace(spec=StudentSpec(layers=1, width=32))
    assert "1 layer of width 32" in report._describe_student_model(result)
