"""Files, tables and vendor logs -> REQUESTS, ACCOUNTS, REJECTS."""

from stillhunt.collect.checks.coverage import FamilyCoverage, coverage
from stillhunt.collect.read.accounts import open_accounts
from stillhunt.collect.read.inputs import InputFacts, InputFile
from stillhunt.collect.read.opening import open_requests
from stillhunt.collect.read.request_log import RequestLog

__all__ = ["FamilyCoverage", "InputFacts", "InputFile", "RequestLog", "coverage", "open_accounts", "open_requests"]
