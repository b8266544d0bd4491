"""From a campaign to proof: sanctioned distillation, the worth of a harvest, marks, proof, countermeasures.

Needs the extra `model`. Nothing here contacts anybody but an endpoint that the user names.
"""
