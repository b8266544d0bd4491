"""How honest explanations read findings that tie accounts to each other: timing, network, identity."""

from __future__ import annotations

from stillhunt_evidence.pages.explanations import BY_KINDS
from stillhunt_evidence.pages.readings import ExplanationReading, readings_of

_SHARED_KEYS_OF_STRANGERS = "Customers who do not know each other have cards, domains and sign-ups of their own."
_OWNERS = "The owners signed up and pay one by one."

LINK_READINGS: dict[str, dict[str, ExplanationReading]] = {
    "client_fingerprint": readings_of(
        {
            "A course hands out one notebook or one program.": "course",
            "A company's machines are alike.": "company",
            "The application's servers are alike.": "application",
            "The framework is the client.": "framework",
            "The harness is the client.": "benchmark",
            "One person's script is the client.": "dataset",
            "The customer's programs are alike.": "fleet",
            "Whoever uses the keys has one program.": "keys",
        },
        {},
        "",
    ),
    "common_times": readings_of(
        {
            "Lessons and deadlines set the hours.": "course",
            "Office hours set the hours.": "company",
            "The day of its users sets the hours of all accounts.": "application",
            "One script runs and pauses.": "dataset",
            "One queue of the customer runs and pauses.": "fleet",
            "Whoever uses the keys runs and pauses.": "keys",
        },
        {
            "Customers who do not know each other keep hours of their own.": "framework",
            "Everybody runs the harness when it suits.": "benchmark",
        },
        "framework benchmark",
    ),
    "common_days": readings_of(
        {
            "Lessons and deadlines set the days.": "course",
            "The company's calendar sets the days; such groups give up to 3.3 bits.": "company",
            "The load of its users rises and falls on all accounts.": "application",
            "One script runs and pauses.": "dataset",
            "One queue of the customer runs and pauses.": "fleet",
            "Whoever uses the keys runs and pauses.": "keys",
        },
        {
            "Customers who do not know each other keep days of their own.": "framework",
            "Everybody runs the harness when it suits.": "benchmark",
        },
        "framework benchmark",
    ),
    "failover": readings_of(
        {
            "A router of the application tries the next account.": "application",
            "The script tries the next account when a limit is reached.": "dataset",
            "The customer's dispatcher tries the next account.": "fleet",
            "The program that uses the keys tries the next key.": "keys",
        },
        {
            "Nobody continues what was refused to a fellow student.": "course",
            "Nobody continues what was refused to a colleague within minutes.": "company",
            "Customers know nothing of each other's refusals.": "framework",
            "Evaluators know nothing of each other's refusals.": "benchmark",
        },
        "course company framework benchmark",
    ),
    "account_replacement": readings_of(
        {"A key that is revoked is replaced by the next.": "keys"},
        {
            "Students keep their accounts until the course ends.": "course",
            "A company keeps its accounts; who joins is not tied to the hour at which another leaves.": "company",
            "An application keeps its accounts.": "application",
            "Customers know nothing of each other's ends.": "framework",
            "Evaluators know nothing of each other's ends.": "benchmark",
            "A person with an honest list has no reason to replace accounts.": "dataset",
            "A customer keeps its accounts, and asks when one is closed.": "fleet",
        },
        "course company application framework benchmark dataset fleet",
    ),
    "new_model_adoption": readings_of(
        {
            "The company's administrator switches all seats.": "company",
            "The application's maker switches all accounts.": "application",
            "A release of the framework changes its default model.": "framework",
            "A new model is what an evaluation waits for.": "benchmark",
            "One setting of the script changes all accounts.": "dataset",
            "One setting of the customer changes all programs.": "fleet",
            "Whoever uses the keys changes one setting.": "keys",
        },
        {"A course stays with the model that it began with.": "course"},
        "course dataset",
    ),
    "declared_organisation": readings_of(
        {"There is no evidence for a harvest of this kind.": " ".join(BY_KINDS)}, {}, "course company dataset fleet"
    ),
    "open_customer": readings_of(
        {"There is no evidence for a harvest of this kind.": " ".join(BY_KINDS)}, {}, "course company fleet"
    ),
    "payment_fingerprint": readings_of(
        {
            "One company pays for all seats.": "company",
            "One company pays for all accounts of its application.": "application",
            "One person has one card.": "dataset",
            "One customer pays for all of its programs.": "fleet",
        },
        {
            "Students pay for themselves.": "course",
            _SHARED_KEYS_OF_STRANGERS: "framework benchmark",
            _OWNERS: "keys",
        },
        "",
    ),
    "email_domain": readings_of(
        {
            "A school has one mail domain.": "course",
            "A company has one mail domain.": "company",
            "The maker of the application opens its accounts at one mail domain.": "application",
            "One customer has one mail domain.": "fleet",
            "One person may own a mail domain.": "dataset",
        },
        {_SHARED_KEYS_OF_STRANGERS: "framework benchmark", _OWNERS: "keys"},
        "",
    ),
    "signup_prefix": readings_of(
        {
            "Students sign up on campus.": "course",
            "Seats are opened in the office.": "company",
            "The maker of the application opens its accounts from one network.": "application",
            "One person has one network.": "dataset",
            "One customer opens its accounts from one network.": "fleet",
        },
        {_SHARED_KEYS_OF_STRANGERS: "framework benchmark", _OWNERS: "keys"},
        "",
    ),
    "created_at": readings_of(
        {
            "Students sign up in the first lesson.": "course",
            "Seats are bought on one day.": "company",
            "The maker of the application opens its accounts in one go.": "application",
            "One person opens accounts in one go.": "dataset",
            "One customer opens its accounts in one go.": "fleet",
        },
        {_SHARED_KEYS_OF_STRANGERS: "framework benchmark", _OWNERS: "keys"},
        "",
    ),
    "client_ip": readings_of(
        {
            "Students send from the campus.": "course",
            "Seats send from the office.": "company",
            "The application's servers send for all accounts.": "application",
            "Programs of strangers on one hosting platform share its outgoing addresses.": "framework",
            "One person's machine sends for all accounts.": "dataset",
            "The customer's servers send for all accounts.": "fleet",
            "The machine of whoever uses the keys sends for all accounts.": "keys",
        },
        {"Evaluators have machines of their own.": "benchmark"},
        "",
    ),
    "client_prefix": readings_of(
        {
            "Students send from the campus.": "course",
            "Seats send from the office.": "company",
            "The application's servers send for all accounts.": "application",
            "Programs of strangers on one hosting platform share its networks.": "framework",
            "One person's machine sends for all accounts.": "dataset",
            "The customer's servers send for all accounts.": "fleet",
            "The machine of whoever uses the keys sends for all accounts.": "keys",
        },
        {"Evaluators have machines of their own.": "benchmark"},
        "",
    ),
    "used_in_turn": readings_of(
        {
            "One person may use one account after another.": "dataset",
            "Whoever uses the keys may use one after another.": "keys",
        },
        {
            "Students use their accounts at the same time.": "course",
            "Employees use their accounts at the same time.": "company",
            "An application spreads its users over its accounts.": "application",
            "Customers know nothing of each other's ends.": "framework",
            "Evaluators know nothing of each other's ends.": "benchmark",
            "A customer's automation uses its accounts at the same time.": "fleet",
        },
        "",
    ),
}
