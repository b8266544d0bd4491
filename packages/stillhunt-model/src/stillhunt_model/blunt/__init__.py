"""Countermeasures for flagged traffic, each measured with an adaptive student."""
