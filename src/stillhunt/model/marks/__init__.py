"""Keyed marks in answers: statistical ones at sampling time, rare choices in text that exists already.

Nothing is marked without an order in force (`stillhunt.model.orders`). An inference server imports `processor_for` from
`stillhunt.model.marks.serving`.
"""
