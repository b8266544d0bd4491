"""Hunts on a Spark cluster: the engine, its data sets, and the way from a cluster's logs to sketches."""
