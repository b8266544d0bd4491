"""Identifiers of a new customer under the keyed hashes that the accounts table has in a data folder."""

from typing import Literal, NamedTuple, get_args

import pyarrow as pa

from stillhunt.live import Config, DataFolder
from stillhunt.logs import IdentityHasher, email_domain, normal_email, with_state_key

IdentifierKind = Literal["card", "device", "mail", "address", "network", "domain"]
IDENTIFIER_KINDS: tuple[IdentifierKind, ...] = get_args(IdentifierKind)
PERSONAL_KINDS: tuple[IdentifierKind, ...] = ("card", "device", "mail")
"""Kinds that one person has, and that are not shared by chance, as addresses and networks are."""
IDENTIFIER_COLUMNS: dict[IdentifierKind, str] = {
    "card": "payment_fingerprint", "mail": "email_hash", "address": "signup_ip", "network": "signup_prefix",
    "domain": "email_domain",
}  # fmt: skip
"""Kind -> column of the accounts table; devices are known from sign-ups alone."""
TieKind = IdentifierKind | Literal["requests"]
"""What an account has in common with a campaign: a value, or what it has asked since (its template or work queue)."""
Hashes = dict[IdentifierKind, int]


class NewCustomer(NamedTuple):
    """What a provider knows of somebody who signs up, as the accounts table would have it; None for unknown."""

    account_id: str | None = None
    plan: str | None = None
    card: str | None = None
    device: str | None = None
    mail: str | None = None
    ip: str | None = None


class SignUpHasher:
    """Hashes identifiers as the hunts of a data folder do.

    `config`: settings, with the key of the folder's hashes or none.
    """

    def __init__(self, folder: DataFolder, config: Config) -> None:
        keyed = with_state_key(config.model_copy(update={"state": str(folder.state)})).collect
        self._hasher, self._limit = IdentityHasher(keyed.identity_key), keyed.max_field_bytes

    def hashes(self, customer: NewCustomer) -> Hashes:
        """Kind -> keyed hash, of what is known."""
        found: Hashes = {}
        mail = normal_email(customer.mail) if customer.mail else ""
        texts: tuple[tuple[IdentifierKind, str, str | None], ...] = (
            ("card", "card", customer.card),
            ("device", "device", customer.device),
            ("mail", "email", mail),
        )
        for kind, domain, text in texts:
            if text:
                self._put(found, kind, self.secret(domain, text))
        if "@" in mail and (domain := email_domain(mail)):
            found["domain"] = hash_domain(domain)
        if customer.ip:
            address, network, _ = self._hasher.addresses(pa.array([customer.ip]), self._limit)
            self._put(found, "address", address[0].as_py())
            self._put(found, "network", network[0].as_py())
        return found

    def secret(self, domain: str, text: str) -> int | None:
        """The keyed hash of one text; None for an empty one."""
        value: int | None = self._hasher.secrets(pa.array([text]), domain, self._limit)[0][0].as_py()
        return value

    def secrets_of(self, domain: str, texts: pa.Array) -> pa.Array:
        """The same of a column."""
        return self._hasher.secrets(texts, domain, self._limit)[0]

    @staticmethod
    def _put(found: Hashes, kind: IdentifierKind, value: int | None) -> None:
        if value is not None:
            found[kind] = value


def hash_domain(domain: str) -> int:
    """A number for a mail domain, which the accounts table has in clear; the same within a process."""
    return hash(domain)
