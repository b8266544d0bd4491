"""Campaigns in the formats of others: STIX, MISP, OCSF, Elastic Common Schema, CSV.

`sharing_case` takes from a case what may be shared (`shared_campaign`); each format is written from that alone.
"""
