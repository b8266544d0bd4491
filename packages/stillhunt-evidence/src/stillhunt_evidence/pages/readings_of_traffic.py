"""How honest explanations read findings about what is asked, how much and how: content, work queue, conduct."""

from __future__ import annotations

from stillhunt_evidence.pages.readings import ExplanationReading, readings_of

TRAFFIC_READINGS: dict[str, dict[str, ExplanationReading]] = {
    "topic_mixture": readings_of(
        {
            "One assignment is one set of topics for all.": "course",
            "Everybody runs the same items.": "benchmark",
            "One list of items is spread over the accounts.": "dataset",
            "One customer's backlog feeds all of its programs.": "fleet",
            "Seats that work through one backlog of tickets ask about the same topics.": "company",
            "Whoever uses the keys works through one list.": "keys",
        },
        {
            "Users of a public template ask about subjects of their own.": "framework",
            "Users of an application ask about what they need; where topics are nearly those of all customers, as "
            "behind a reseller, the finding says so and earns little.": "application",
        },
        "company framework application",
    ),
    "own_words": readings_of(
        {
            "Everybody writes about the same assignment.": "course",
            "Public items have no words of an account's own.": "benchmark",
            "Any account may get any item of the list.": "dataset",
            "Any program may get any task of the customer.": "fleet",
            "Users are spread over the accounts, and take their words along.": "application",
            "Any key may get any item of the list.": "keys",
        },
        {
            "Employees have customers, files and projects of their own, whose names come back.": "company",
            "Each customer has names of its own, which come back.": "framework",
        },
        "company framework",
    ),
    "phrase_mixture": readings_of(
        {
            "The wording of the assignment is copied into the prompt.": "course",
            "Employees use one prompt of their company.": "company",
            "The application puts one prompt around what its users write.": "application",
            "The wording is public, and many copy it.": "framework",
            "The harness puts one prompt around each item.": "benchmark",
            "One script puts one prompt around each row.": "dataset",
            "One program of the customer writes all prompts.": "fleet",
            "Whoever uses the keys has one program.": "keys",
        },
        {},
        "company framework application",
    ),
    "even_volume": readings_of(
        {
            "Everybody has the same number of exercises.": "course",
            "Everybody runs the same number of items.": "benchmark",
            "One script cuts its list into equal parts.": "dataset",
            "One dispatcher spreads the customer's tasks evenly.": "fleet",
            "A reseller spreads its users' load evenly over its accounts.": "application",
            "One program spreads its requests over the keys that it has.": "keys",
        },
        {
            "People at work differ in how much they ask.": "company",
            "Customers who do not know each other differ in how much they ask.": "framework",
        },
        "company framework",
    ),
    "follow_ups": readings_of(
        {
            "A harness asks each item once.": "benchmark",
            "A script asks about each row once.": "dataset",
            "Programs of the customer ask once and go on.": "fleet",
            "Many applications ask once for each thing that a user does.": "application",
            "Programs that use a template ask once.": "framework",
            "The program that uses the keys asks once.": "keys",
        },
        {
            "Students ask back when they do not understand an answer.": "course",
            "People at work ask back.": "company",
        },
        "course company application",
    ),
    "similar_workload": readings_of(
        {
            "Everybody has the same number of exercises.": "course",
            "Everybody runs the same number of items.": "benchmark",
            "One script cuts its list into equal parts.": "dataset",
            "One dispatcher spreads the customer's tasks evenly.": "fleet",
            "A reseller spreads its users' load evenly over its accounts.": "application",
            "One program spreads its requests over the keys that it has.": "keys",
        },
        {
            "People at work differ in how much they ask.": "company",
            "Customers who do not know each other differ in how much they ask.": "framework",
        },
        "",
    ),
    "no_repeats": readings_of(
        {
            "Employees have different tasks.": "company",
            "Users write different things.": "application",
            "Customers write different things.": "framework",
            "A list has each row once.": "dataset",
            "A work queue hands out each task once, also an honest one.": "fleet",
            "Whoever uses the keys works through a list once.": "keys",
        },
        {
            "Everybody has the same assignment, so prompts repeat.": "course",
            "Everybody runs the same items, so prompts repeat.": "benchmark",
        },
        "course benchmark",
    ),
    "asked_conduct": readings_of(
        {
            "An assignment may ask to show each step.": "course",
            "Applications drive tools, and grade answers.": "application",
            "Published templates ask for steps, grades or tool calls.": "framework",
            "Harnesses ask for steps, and grade answers.": "benchmark",
            "Lists are labelled, cleaned and graded by honest researchers, too.": "dataset",
            "Agents drive tools step by step.": "fleet",
            "It tells about whoever uses the keys, not about the owners.": "keys",
        },
        {"People at work rarely ask for such things, and not all of them.": "company"},
        "",
    ),
    "own_data": readings_of(
        {
            "Exercises are not about the student's own files.": "course",
            "Public items are about nobody's files.": "benchmark",
            "Users of an application need not write about files or mail.": "application",
            "A list for research is about nobody's files.": "dataset",
            "It tells about whoever uses the keys, not about the owners.": "keys",
        },
        {
            "People at work write about their company and its files.": "company",
            "Customers use the template for their own files and mail.": "framework",
            "A customer's automation works on the customer's data.": "fleet",
        },
        "company framework fleet application",
    ),
    "own_checks": readings_of(
        {
            "An exercise is done once.": "course",
            "Tasks at work differ from day to day.": "company",
            "Users write different things each day.": "application",
            "Customers write different things each day.": "framework",
            "A list is worked through once.": "dataset",
            "A queue hands out each task once.": "fleet",
            "Whoever uses the keys works through a list once.": "keys",
        },
        {"An evaluation is run again on other days.": "benchmark"},
        "benchmark framework",
    ),
    "talk": readings_of(
        {
            "Users of many applications do not converse.": "application",
            "Programs that use a template do not converse.": "framework",
            "A harness does not converse.": "benchmark",
            "A script does not converse.": "dataset",
            "Programs of the customer do not converse.": "fleet",
            "The program that uses the keys does not converse.": "keys",
        },
        {"Students converse.": "course", "People at work converse.": "company"},
        "course company application",
    ),
    "constant_settings": readings_of(
        {
            "A course hands out one notebook with its settings.": "course",
            "A company's tool has one set of settings.": "company",
            "The application has one set of settings.": "application",
            "The framework has default settings.": "framework",
            "An evaluation prescribes its settings.": "benchmark",
            "One script has one set of settings.": "dataset",
            "The customer's programs have one set of settings.": "fleet",
            "Whoever uses the keys has one program.": "keys",
        },
        {},
        "",
    ),
    "model_and_answers": readings_of(
        {
            "The course says which model to use.": "course",
            "The company pays for one model.": "company",
            "The application uses one model.": "application",
            "The framework has a default model.": "framework",
            "An evaluation asks one model.": "benchmark",
            "One script asks one model.": "dataset",
            "The customer's programs ask one model.": "fleet",
            "Whoever uses the keys asks one model.": "keys",
        },
        {},
        "company application framework",
    ),
    "plan_use": readings_of(
        {
            "An application uses its plan up.": "application",
            "An evaluation uses its plan up.": "benchmark",
            "A script uses its plan up.": "dataset",
            "Automation uses its plan up.": "fleet",
            "Whoever uses the keys uses the plans up.": "keys",
        },
        {
            "Students use a part of their plan.": "course",
            "People at work use a part of their plan.": "company",
            "Customers who do not know each other use their plans as others do.": "framework",
        },
        "course company framework",
    ),
    "many_programs": readings_of(
        {
            "A class brings its own machines.": "course",
            "Employees use many programs.": "company",
            "A reseller's customers use many programs.": "application",
            "Customers who do not know each other use many programs.": "framework",
            "A key that was passed on is used by many people.": "keys",
        },
        {
            "One harness is one program.": "benchmark",
            "One person uses few programs.": "dataset",
            "A customer's automation uses few programs.": "fleet",
        },
        "",
    ),
}
