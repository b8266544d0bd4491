"""What the core shows of the commands of this distribution; it is read at each `--help`."""

from stillhunt.cli.entries import CommandEntry

demo = CommandEntry(
    "Hunt a simulated world and compare the findings with the truth.", "stillhunt_lab.commands.demo:demo"
)
lab = CommandEntry("Simulated worlds, drills on your own logs, benchmarks.", "stillhunt_lab.commands.app:lab_commands")
