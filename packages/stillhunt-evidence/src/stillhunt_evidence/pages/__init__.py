"""What people read in an evidence pack: for an executive, a lawyer and an engineer.

Each honest explanation is read against each kind of evidence (`kind_readings`), weighed (`alternatives`), and set
against the claim on three pages (`executive_page`, `counsel_page`, `engineer_page`), which `render` joins into one
page.
"""
