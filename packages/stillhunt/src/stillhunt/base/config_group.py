"""What every group of settings has in common."""

from pydantic import BaseModel, ConfigDict


class SettingsGroup(BaseModel):
    """A group of settings: frozen, and without settings that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")
