"""What plugins need: a type for each group of plugins, and what its fields take.

`stillhunt plugin new KIND NAME` writes such a package, and `stillhunt plugin test PACKAGE` tries it. The names are
loaded when they are used. A file in this folder that runs inside of another program, as `litellm_guardrail`, needs that
program, httpx, and nothing else of stillhunt, so that it may be copied there by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stillhunt.base.config_alerts import AlertSettings
    from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Row, Sample, Source, call_links
    from stillhunt.plugins.groups import SHARING, load_plugins
    from stillhunt.score.evidence.finding import CandidateCase, Finding
    from stillhunt.score.evidence.kind import EvidenceKind, HonestReadings, MemberWording, NeededColumn, Null, Wording
    from stillhunt.score.stats.beta_binomial import BetaPrior, least_bits, part_bits, share_ratio
    from stillhunt.watch.alerts.sending import AlertChannel, AlertReceiver, DeliveryError, Due, shown_name
    from stillhunt.watch.alerts.siem import ECS_VERSION, OCSF_VERSION
    from stillhunt.watch.folder import OWNER_ONLY
    from stillhunt.watch.subject.packs import PACKS

_HOMES = {
    "stillhunt.base.config_alerts": "AlertSettings",
    "stillhunt.collect.formats.source": "BrokenRecordError PassedOverError Row Sample Source call_links",
    "stillhunt.plugins.groups": "SHARING load_plugins",
    "stillhunt.score.evidence.finding": "CandidateCase Finding",
    "stillhunt.score.evidence.kind": "EvidenceKind HonestReadings MemberWording NeededColumn Null Wording",
    "stillhunt.score.stats.beta_binomial": "BetaPrior least_bits part_bits share_ratio",
    "stillhunt.watch.alerts.sending": "AlertChannel AlertReceiver DeliveryError Due shown_name",
    "stillhunt.watch.alerts.siem": "ECS_VERSION OCSF_VERSION",
    "stillhunt.watch.folder": "OWNER_ONLY",
    "stillhunt.watch.subject.packs": "PACKS",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "ECS_VERSION",
    "OCSF_VERSION",
    "OWNER_ONLY",
    "PACKS",
    "SHARING",
    "AlertChannel",
    "AlertReceiver",
    "AlertSettings",
    "BetaPrior",
    "BrokenRecordError",
    "CandidateCase",
    "DeliveryError",
    "Due",
    "EvidenceKind",
    "Finding",
    "HonestReadings",
    "MemberWording",
    "NeededColumn",
    "Null",
    "PassedOverError",
    "Row",
    "Sample",
    "Source",
    "Wording",
    "call_links",
    "least_bits",
    "load_plugins",
    "part_bits",
    "share_ratio",
    "shown_name",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'stillhunt.plugins' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
