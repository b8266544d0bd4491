"""Numbers that decide what countermeasures do and how they are measured."""

# steps: a summary keeps one whole step of so many, the first of each, and says how many it leaves out (a reader can
# follow the course of a solution, and two thirds of the steps are missing)
OUTLINE_EVERY = 3
# Useful samples that a campaign gets under `cap` before its requests are refused (a tenth of the 1,000 curated samples
# that already teach a narrow skill)
KEEP_SAMPLES = 100
# share of accounts: honest accounts that are flagged wrongly: upper 95 % bound, with which the loss for honest use is
# computed
HONEST_FLAGGED_BOUND = 4e-05
