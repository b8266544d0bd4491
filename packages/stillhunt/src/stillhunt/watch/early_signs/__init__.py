"""Early signs of a campaign: what operations are known to do before there is enough evidence for a verdict."""
