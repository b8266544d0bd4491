"""Which honest explanation explains which kind of finding: one reading with its reason for each pair."""

from __future__ import annotations

from stillhunt_evidence.pages.readings import ExplanationReading
from stillhunt_evidence.pages.readings_of_links import LINK_READINGS
from stillhunt_evidence.pages.readings_of_traffic import TRAFFIC_READINGS

READINGS = TRAFFIC_READINGS | LINK_READINGS
"""Kind of evidence -> key of the explanation -> how it reads a finding of that kind."""

UNKNOWN_READING = ExplanationReading(False, "This kind of evidence is not known to this version.", False)
"""For a kind that another version wrote: no explanation is given credit for it."""
