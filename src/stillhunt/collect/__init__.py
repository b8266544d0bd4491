"""Files, tables and vendor logs -> REQUESTS, ACCOUNTS, REJECTS."""

from stillhunt.collect.accounts import open_accounts
from stillhunt.collect.coverage import FamilyCoverage, coverage
from stillhunt.collect.inputs import InputFacts, InputFile
from stillhunt.collect.opening import open_requests
from stillhunt.collect.requests import RequestLog

__all__ = ["FamilyCoverage", "InputFacts", "InputFile", "RequestLog", "coverage", "open_accounts", "open_requests"]
