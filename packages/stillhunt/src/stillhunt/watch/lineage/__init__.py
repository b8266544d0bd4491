"""Lineage: campaigns keep their id from hunt to hunt."""
