"""What plugins need: a type for each group of plugins, and what its fields take.

`stillhunt plugin new KIND NAME` writes such a package, and `stillhunt plugin test PACKAGE` checks it. The names are
loaded when they are used. A file in this folder that runs inside another program, such as `litellm_guardrail`, needs
only that program and httpx, so that it can be copied there alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt.base.config_alerts import AlertSettings
    from stillhunt.base.plugin_groups import SHARING, load_plugins
    from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Row, Sample, Source, call_links
    from stillhunt.score.evidence.finding import CandidateCase, Finding
    from stillhunt.score.evidence.kind import EvidenceKind, MemberWording, NeededColumn, Null, Wording
    from stillhunt.score.stats.beta_binomial import BetaPrior, least_bits, part_bits, share_ratio
    from stillhunt.watch.alerts.sending import AlertChannel, AlertReceiver, DeliveryError, Due, shown_name
    from stillhunt.watch.alerts.siem import ECS_VERSION, OCSF_VERSION
    from stillhunt.watch.alerts.webhook import SIGNATURE_HEADER, signature
    from stillhunt.watch.folder import OWNER_ONLY
    from stillhunt.watch.subject.packs import PACKS
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
