"""Evidence in bits -> calibrated scores and verdicts."""
