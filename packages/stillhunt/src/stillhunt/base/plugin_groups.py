"""Groups of plugins: what another package may bring, each as an entry point of its distribution.

Each registry of the program (log formats, kinds of evidence, ...) lists what is built in, and adds what plugins
bring. A plugin that cannot be used is reported once and passed over; it stops nothing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, TypeVar

from stillhunt.base.formatting import shorten

_LOG = logging.getLogger("stillhunt")
OWN_PACKAGES = ("stillhunt-signals",)
"""Distributions of this repository whose entries come in as those of plugins do: they have the version of the core."""
_MOST_CHARS = 200
"""Characters of an error that are shown: a plugin's error may quote anything."""


@dataclass(frozen=True)
class PluginGroup:
    """Where plugins of one kind come in."""

    kind: str  # word for `stillhunt plugin new`
    entry_points: str  # name of the group of entry points
    entry: str  # public name of what an entry must be
    judges: bool = False  # whether it may change what a hunt finds; run.json names such plugins


READERS = PluginGroup("reader", "stillhunt.readers", "stillhunt.plugins.Source", judges=True)
EVIDENCE_PLUGINS = PluginGroup("evidence", "stillhunt.evidence", "stillhunt.plugins.EvidenceKind", judges=True)
ALERT_CHANNELS = PluginGroup("alert-channel", "stillhunt.alert_channels", "stillhunt.plugins.AlertChannel")
GATEWAYS = PluginGroup("gateway", "stillhunt.gateways", "stillhunt_server.plugins.GatewayForm")
SHARING = PluginGroup("share-format", "stillhunt.share_formats", "stillhunt_evidence.sharing.formats.ShareForm")
CONSOLE_PAGES = PluginGroup("console-page", "stillhunt.console_pages", "stillhunt_server.plugins.ConsolePage")
PLUGIN_GROUPS = (READERS, EVIDENCE_PLUGINS, ALERT_CHANNELS, GATEWAYS, SHARING, CONSOLE_PAGES)


class Named(Protocol):
    """What a plugin brings has a name."""

    @property
    def name(self) -> str:
        """As the entry point that leads to it."""


@dataclass(frozen=True)
class Plugin:
    """One entry point that was tried, the distribution that brings it, and why it takes no part (else "")."""

    group: PluginGroup
    name: str
    package: str
    version: str
    problem: str = ""


AnEntry = TypeVar("AnEntry", bound=Named)
_TRIED: dict[tuple[str, str, str], Plugin] = {}


def load_plugins(
    group: PluginGroup, wanted: type[AnEntry], taken: Iterable[str], fault: Callable[[AnEntry], str] = lambda _: ""
) -> tuple[AnEntry, ...]:
    """What plugins of a group bring, by name; what cannot be used (`fault`, or a `taken` name) is reported once."""
    loaded: dict[str, AnEntry] = {}
    names = set(taken)
    for point in sorted(entry_points(group=group.entry_points), key=lambda one: (one.name, _get_package_name(one))):
        try:
            entry = _load_entry_point(point, wanted)
            if point.name in names:
                raise TypeError(f"the name '{point.name}' is taken")
            if problem := fault(entry):
                raise TypeError(problem)
        except Exception as error:  # whatever somebody else's code does, a hunt goes on
            _record_plugin_outcome(
                group, point, f"{type(error).__name__}: {error}" if not isinstance(error, TypeError) else str(error)
            )
            continue
        _record_plugin_outcome(group, point, "")
        names.add(point.name)
        loaded[point.name] = entry
    return tuple(loaded.values())


def tried_plugins() -> tuple[Plugin, ...]:
    """Entry points of others that were tried in this process so far, and own ones that failed, by group and name."""
    places = {group.kind: place for place, group in enumerate(PLUGIN_GROUPS)}
    theirs = [one for one in _TRIED.values() if one.problem or one.package not in OWN_PACKAGES]
    return tuple(sorted(theirs, key=lambda one: (places[one.group.kind], one.name, one.package)))


def are_plugins_installed() -> bool:
    """Whether distributions of others bring readers or evidence, tried or not yet: these may import anything."""
    points = [point for group in PLUGIN_GROUPS if group.judges for point in entry_points(group=group.entry_points)]
    return any(_get_package_name(point) not in OWN_PACKAGES for point in points)


def plugins_record() -> dict[str, Any]:
    """What run.json says of plugins that read or judge; nothing where there are none."""
    judging = [one for one in tried_plugins() if one.group.judges]
    rows = [
        {"group": one.group.entry_points, "name": one.name, "package": one.package, "version": one.version}
        | ({"problem": one.problem} if one.problem else {})
        for one in judging
    ]
    return {"plugins": rows} if rows else {}


def reader_versions() -> list[list[str]]:
    """Name, package and version of each format that a plugin brings: what was kept of a log holds for these."""
    return [[one.name, one.package, one.version] for one in tried_plugins() if one.group is READERS and not one.problem]


def note_failure(group: PluginGroup, name: str, error: Exception) -> None:
    """Say once that a plugin which was loaded failed at work; run.json says it, too."""
    for key, plugin in _TRIED.items():
        if plugin.group is group and plugin.name == name and not plugin.problem:
            _TRIED[key] = replace(plugin, problem=shorten(f"{type(error).__name__}: {error}", _MOST_CHARS))
            _warn_of_plugin(_TRIED[key])


def _load_entry_point(point: EntryPoint, wanted: type[AnEntry]) -> AnEntry:
    entry = point.load()
    if not isinstance(entry, wanted):
        raise TypeError(f"it is of the type {type(entry).__name__}, not {wanted.__name__}")
    if entry.name != point.name:
        raise TypeError(f"it calls itself '{entry.name}', and its entry point '{point.name}'")
    return entry


def _get_package_name(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else ""


def _record_plugin_outcome(group: PluginGroup, point: EntryPoint, problem: str) -> None:
    """Keep what became of an entry point, and say it where it is passed over."""
    version = point.dist.version if point.dist is not None else ""
    texts = (shorten(text, _MOST_CHARS) for text in (point.name, _get_package_name(point), version, problem))
    plugin = Plugin(group, *texts)
    known = _TRIED.setdefault((group.entry_points, plugin.name, plugin.package), plugin)
    if problem and known is plugin:
        _warn_of_plugin(plugin)


def _warn_of_plugin(plugin: Plugin) -> None:
    _LOG.warning("The plugin %s of %s is passed over: %s", plugin.name, plugin.package, plugin.problem)


def plugins_named(run: Mapping[str, Any], group: PluginGroup) -> frozenset[str]:
    """Names of the plugins of a group that took part in a hunt, by its run.json, which may hold anything."""
    rows = run.get("plugins", [])
    told = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return frozenset(str(row["name"]) for row in told if row.get("group") == group.entry_points and "name" in row)
