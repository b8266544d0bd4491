"""The catalogue: every kind of evidence, found in the modules of `kinds`, and what is derived from their declarations.

Adding a kind is adding one module to `kinds` that declares `KIND` (or several as `KINDS`), and its test; other packages
bring theirs by entry points of the group `stillhunt.evidence`.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from stillhunt.base.errors import ContractError
from stillhunt.base.families import FAMILY_OF, FamilyNeed
from stillhunt.base.plugin_groups import EVIDENCE_PLUGINS, load_plugins
from stillhunt.score.evidence import kinds
from stillhunt.score.evidence.kind import Calls, EvidenceKind, missing_parts


def _collect_declared_kinds() -> list[EvidenceKind]:
    found: list[EvidenceKind] = []
    for module in pkgutil.iter_modules(kinds.__path__):
        loaded = importlib.import_module(f"{kinds.__name__}.{module.name}")
        one = getattr(loaded, "KIND", None)
        found += [one] if one is not None else list(getattr(loaded, "KINDS", ()))
    return found


def checked(declared: Iterable[EvidenceKind]) -> tuple[EvidenceKind, ...]:
    """Kinds in their order; a ContractError if two share a name or an order, or a declaration is incomplete."""
    ordered = tuple(sorted(declared, key=lambda kind: (kind.order, kind.name)))
    for values in ([kind.name for kind in ordered], [str(kind.order) for kind in ordered]):
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ContractError(f"several kinds of evidence have the name or order {twice[0]}", where="catalogue")
    for kind in ordered:
        if faults := missing_parts(kind):
            raise ContractError(f"{kind.name}: {faults[0]}", where="catalogue")
    return ordered


CATALOGUE = checked(_collect_declared_kinds())  # every kind that is built in, in the order of tables and pages

KIND_OF = {kind.name: kind for kind in CATALOGUE}


@cache
def all_kinds() -> dict[str, EvidenceKind]:
    """Name -> kind, in the order in which bits are added: those of plugins come last, by name.

    So a case gives the same sums where a plugin is missing. Not a constant, since plugins import this room.
    """
    brought = load_plugins(EVIDENCE_PLUGINS, EvidenceKind, KIND_OF, lambda kind: ", ".join(missing_parts(kind)))
    return KIND_OF | {kind.name: kind for kind in brought}


def kinds_that_see(calls: Calls) -> tuple[str, ...]:
    """Names of the kinds that must see "every" call, or an "even" sample of them.

    In a log that is a sample, the first may be evidence against, and not for; the others are silent, too, where parts
    of the log are sampled at different rates: they compare how much accounts do.
    """
    return tuple(kind.name for kind in all_kinds().values() if kind.calls == calls)


def family_needs() -> dict[str, FamilyNeed]:
    """What each family needs of a log, from the columns of its kinds."""
    needs = {}
    for family in FAMILY_OF.values():
        columns = [column for kind in all_kinds().values() if kind.family == family.name for column in kind.columns]
        helpful: dict[str, str] = {}
        for column in filter(lambda one: one.gives, columns):
            helpful.setdefault(column.name, column.gives)
        enough = tuple(dict.fromkeys(column.name for column in columns if column.enough))
        needs[family.name] = FamilyNeed(enough, tuple(helpful.items()), family.shows)
    return needs
