"""The commands of the lab: worlds, the demo, drills and benchmarks."""
