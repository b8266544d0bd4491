"""Attribution: compares a campaign with actors that the user describes, and abstains unless much agrees."""

from stillhunt_evidence.actors.attribution import Attribution, attribute
from stillhunt_evidence.actors.reading import KnownActors, parse_actors, read_actors

__all__ = ["Attribution", "KnownActors", "attribute", "parse_actors", "read_actors"]
