"""`stillhunt model`: the group of commands about models; each is imported when it runs."""

from stillhunt.commands import CommandEntry, lazy_typer

_HERE = "stillhunt_model.commands."
MODEL_TABLE = {
    "distil": CommandEntry(
        "Distil your own teacher into a smaller student, and say how good it is.", _HERE + "distil:distil_command"
    ),
    "damage": CommandEntry("Measure what one campaign's harvest is worth to a student.", _HERE + "damage:damage"),
    "mark": CommandEntry(
        "One mark for all your answers, which a public detector sees, and under it a key for each campaign.",
        _HERE + "mark:mark_commands",
    ),
    "detect": CommandEntry(
        "Say whether texts have the standing mark, and with --groups, of which campaigns.", _HERE + "detect:detect"
    ),
    "prove": CommandEntry(
        "Test whether a model was trained on the answers that campaigns harvested.", _HERE + "prove:prove"
    ),
    "prepare": CommandEntry(
        "Write what `prove` compares a suspect with: harvested and honest answers of the logs, and a reference.",
        _HERE + "prepare:prepare",
    ),
    "trials": CommandEntry(
        "List which suspects were asked about which campaigns, and check that none was taken back.",
        _HERE + "trials:trials_commands",
    ),
    "blunt": CommandEntry(
        "Make answers to a flagged campaign teach less: openly, under a signed order that ends, results unchanged.",
        _HERE + "blunt:blunt_commands",
    ),
}
model_commands = lazy_typer(MODEL_TABLE, "Distil your own models, measure a harvest, mark answers, prove training.")
