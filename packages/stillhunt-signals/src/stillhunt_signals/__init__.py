"""What a provider knows beside its logs: signals as evidence, broken terms, and what other systems are told."""
