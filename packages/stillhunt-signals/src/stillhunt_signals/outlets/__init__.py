"""Outlets: other systems that are told of decisions, once a person switched them on, and told when these end."""
