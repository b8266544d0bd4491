"""The first generator: seeded logs of an API with known truth."""
