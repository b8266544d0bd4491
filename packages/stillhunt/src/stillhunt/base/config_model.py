"""Settings of the commands that train, mark and question models."""

from __future__ import annotations

from pydantic import Field

from stillhunt.base.config_group import SettingsGroup


class ModelSettings(SettingsGroup):
    """Distillation, marks, proof and countermeasures; needs stillhunt[model]."""

    folder: str = Field(
        "",
        max_length=4096,
        description="Folder with the register of orders (marks and countermeasures) and that of suspects that were "
        "tried. Empty: stillhunt/model in the user's data folder (XDG_DATA_HOME or ~/.local/share).",
    )
    threads: int = Field(
        0, ge=0, le=1024, description="Threads for training and generating. 0: as many as there are cores."
    )
    alpha: float = Field(
        1e-5,
        gt=0,
        le=0.05,
        description="Bar of `model prove`: the largest corrected p-value at which it says that a suspect was trained "
        "on a harvest. It is corrected for all pairs of suspect and campaign, so that the chance of one false "
        "accusation in all of them together is at most this.",
    )
    pairs: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="Pairs of suspect and campaign that may ever be tried under one register; p-values are multiplied "
        "by it. Fixed when the register is made.",
    )
    queries: int = Field(2000, ge=1, le=1_000_000, description="Most questions that `model prove` asks one suspect.")
