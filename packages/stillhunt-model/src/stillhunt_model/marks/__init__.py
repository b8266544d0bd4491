"""Keyed marks in answers: statistical ones at sampling time, rare choices in existing text.

Nothing is marked without an order in force (`stillhunt_model.orders`). An inference server imports `processor_for` from
`stillhunt_model.marks.serving`.
"""
