"""Campaigns that two providers share: sketches in files, and private set intersection."""
