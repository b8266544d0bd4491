"""Baselines: methods in use today, each from its paper; all take requests and accounts and return suspects."""

from stillhunt_lab.baselines.advisory import find_by_rules
from stillhunt_lab.baselines.catchsync import find_synchronised
from stillhunt_lab.baselines.fraudar import find_dense_blocks
from stillhunt_lab.baselines.isolation import find_isolated
from stillhunt_lab.baselines.method import Method, MethodResult, MethodSettings
from stillhunt_lab.baselines.mmd import find_distant_windows
from stillhunt_lab.baselines.prada import find_abnormal_distances
from stillhunt_lab.baselines.shared_keys import find_shared_keys
from stillhunt_lab.baselines.synchrotrap import find_lockstep

BASELINES: dict[str, Method] = {
    "advisory": find_by_rules,
    "isolation_forest": find_isolated,
    "shared_keys": find_shared_keys,
    "prada": find_abnormal_distances,
    "mmd": find_distant_windows,
    "synchrotrap": find_lockstep,
    "fraudar": find_dense_blocks,
    "catchsync": find_synchronised,
}
"""Name -> method, in the order of the tables."""

__all__ = ["BASELINES", "Method", "MethodResult", "MethodSettings"]
