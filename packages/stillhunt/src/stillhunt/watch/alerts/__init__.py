"""Alerts: what a change says (content, changes), its outbox, and the ways out (webhook, mail, lines, sender)."""
