"""Turns scores into the case folder, the report and explanations."""

from stillhunt.triage.case import Case
from stillhunt.triage.explain import Explanation
from stillhunt.triage.model import CaseModel, case_model
from stillhunt.triage.origins import ASPECTS, origin_words, origins_table, timeline_table
from stillhunt.triage.redact import excerpt, personal_ids, personal_ids_sentence
from stillhunt.triage.samples import sample_table
from stillhunt.triage.set_aside import allowed_groups, changed_values, set_aside_facts, set_aside_sentence
from stillhunt.triage.taken_summary import taken_summary
