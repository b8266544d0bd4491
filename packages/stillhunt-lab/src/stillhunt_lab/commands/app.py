"""`stillhunt lab`: the group of commands about simulated worlds; each is imported when it runs."""

from stillhunt.commands import CommandEntry, lazy_typer

_HERE = "stillhunt_lab.commands."
LAB_TABLE = {
    "world": CommandEntry("Write a simulated world.", _HERE + "worlds:lab_world"),
    "drill": CommandEntry(
        "Plant campaigns into a copy of your own logs and say which would be found.", _HERE + "drilling:lab_drill"
    ),
    "bench": CommandEntry(
        "Measure stillhunt and its baselines on worlds with known truth.", _HERE + "benching:lab_bench"
    ),
}
lab_commands = lazy_typer(LAB_TABLE, "Simulated worlds, drills on your own logs, benchmarks.")
