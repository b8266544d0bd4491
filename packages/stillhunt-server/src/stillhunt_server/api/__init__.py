"""Answers for programs: gateways, people's tools, customer portals, monitoring."""
