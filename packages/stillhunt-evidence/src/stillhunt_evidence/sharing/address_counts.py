"""How often each address of a campaign was used, as keyed hashes under the key of a circle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stillhunt.tools import hash_digits


@dataclass
class AddressCounts:
    """How often each address of some campaigns was used, and by how many accounts.

    Attributes:
        requests_read: harvested requests that the logs had.
        requests_wanted: harvested requests that the case names.
    """

    requests_read: int = 0
    requests_wanted: int = 0
    _counts: dict[tuple[str, str], dict[int, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    _accounts: dict[tuple[str, str], dict[int, set[int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )

    def add(self, campaign: str, kind: str, values: Sequence[int], accounts: Sequence[int]) -> None:
        """Count requests."""
        counts, users = self._counts[campaign, kind], self._accounts[campaign, kind]
        for value, account in zip(values, accounts, strict=True):
            counts[value] += 1
            users[value].add(account)

    def of(self, campaign: str) -> Mapping[str, Mapping[str, tuple[int, int]]]:
        """What was counted for a campaign.

        Args:
            campaign: its id in the case.

        Returns:
            Kind -> hash, 16 hexadecimal digits -> (requests, accounts).
        """
        return {
            kind: {
                hash_digits(value): (requests, len(self._accounts[name, kind][value]))
                for value, requests in counts.items()
            }
            for (name, kind), counts in self._counts.items()
            if name == campaign
        }
