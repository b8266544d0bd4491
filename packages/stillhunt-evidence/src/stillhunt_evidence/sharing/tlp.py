"""The Traffic Light Protocol 2.0 (FIRST 2022), as each format writes it."""

from dataclasses import dataclass
from typing import Any

from stillhunt import ConfigError

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""The property extension by which OASIS marks TLP 2.0: cti-stix-common-objects, extension tlp-2.0."""
_TLP_CREATED = "2022-10-01T00:00:00.000Z"


@dataclass(frozen=True)
class TlpLabel:
    """One label."""

    name: str
    marking: str
    ocsf: str
    # how far MISP may pass the event on: 0 this organisation, 1 this community, 2 connected communities, 3 all
    misp_distribution: int

    @property
    def shown(self) -> str:
        """As FIRST writes it: TLP:AMBER+STRICT."""
        return f"TLP:{self.name.upper()}"

    @property
    def marking_definition(self) -> dict[str, Any]:
        """The object of STIX that OASIS published for it."""
        return {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": self.marking,
            "created": _TLP_CREATED,
            "name": self.shown,
            "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": self.name}},
        }


TLP_LABELS = {
    label.name: label
    for label in (
        TlpLabel("clear", "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "CLEAR", 3),
        TlpLabel("green", "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "GREEN", 1),
        TlpLabel("amber", "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "AMBER", 0),
        TlpLabel("amber+strict", "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "AMBER STRICT", 0),
        TlpLabel("red", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "RED", 0),
    )
}


def tlp_label(name: str) -> TlpLabel:
    """The label of this name.

    Raises ConfigError: there is no such label.
    """
    try:
        return TLP_LABELS[name.strip().lower()]
    except KeyError as error:
        raise ConfigError(
            "there is no such label of the Traffic Light Protocol",
            where=name[:40],
            next_step=f"use one of {', '.join(TLP_LABELS)}",
        ) from error
