"""Alerts: what they say (content, changes), their outbox, and how they are sent (webhook, mail, lines, sender)."""
