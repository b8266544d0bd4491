"""Settings of harvested calls under which no control answer is drawn: a campaign that has any is refused.

With a fixed seed all answers of a campaign share one stream of random numbers, so that they are one draw and not many;
a stop sequence, a penalty or an unknown field makes them differ from control answers for another reason than training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from stillhunt import InputError
from stillhunt.tools import formatting

TOOLS_FIELD = "tools"
_MOST_FIELDS, _MOST_CHARACTERS = 5, 80


@dataclass
class CallSettings:
    """Fields of the calls of one campaign that control answers do not have.

    Attributes:
        fields: name of a field -> calls that have it.
    """

    campaign_id: str
    calls: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    def add(self, other_settings: str | None, *, tools: bool) -> None:
        """Count one call.

        Args:
            other_settings: of the call, as in REQUESTS.
            tools: whether it offers tools to the model.
        """
        self.calls += 1
        self.fields.update(other_settings.split(", ") if other_settings else ())
        self.fields.update([TOOLS_FIELD] if tools else ())


def refuse_other_settings(found: Iterable[CallSettings]) -> None:
    """Refuse campaigns whose calls carry a field that control answers are not drawn with.

    Raises:
        InputError: a call has such a field; names the fields and says how many calls have each.
    """
    for one in found:
        if one.fields:
            counts = [
                f"{formatting.shorten(name, _MOST_CHARACTERS)} in {count:,}"
                for name, count in sorted(one.fields.items(), key=lambda pair: (-pair[1], pair[0]))
            ]
            raise InputError(
                "control answers cannot be drawn as these answers were: the calls carry "
                f"{formatting.join_some(counts, _MOST_FIELDS)} of {formatting.plural(one.calls, 'call')}",
                where=f"campaign {formatting.shorten(one.campaign_id, _MOST_CHARACTERS)}",
                next_step="ask about campaigns whose calls have none of them; no place in the register was used",
                command_step="name other campaigns with --campaign; no place in the register was used",
            )
