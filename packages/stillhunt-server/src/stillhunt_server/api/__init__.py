"""Answers for programs: gateways, tools of people, customer portals, monitoring."""
