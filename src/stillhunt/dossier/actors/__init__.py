"""Attribution: compares a campaign with actors that the user describes, and abstains unless much agrees."""

from stillhunt.dossier.actors.attribution import Attribution, attribute
from stillhunt.dossier.actors.reading import KnownActors, parse_actors, read_actors

__all__ = ["Attribution", "KnownActors", "attribute", "parse_actors", "read_actors"]
