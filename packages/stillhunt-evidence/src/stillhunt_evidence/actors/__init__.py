"""Attribution: compares a campaign with actors that the user describes, and names none unless much agrees."""

from stillhunt_evidence.actors.actors_file import KnownActors, parse_actors, read_actors
from stillhunt_evidence.actors.attribution import Attribution, attribute

__all__ = ["Attribution", "KnownActors", "attribute", "parse_actors", "read_actors"]
