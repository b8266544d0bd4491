"""Answers to gateways: decisions in memory, and requests that match a signature while their gateway waits."""
