"""Run the commands of a page and put their real output in: `python docs/transcripts.py` rewrites `tutorial.md`.

In blocks of the kind `console`, a line that begins with `$ ` is a command, lines that begin with `> ` continue it, and
what follows is its output. Output that ends with the line `...` is cut to as many lines as the page has.
All commands of a page run one after another in one new folder, on a terminal of 100 columns without colours. Only what
goes to stdout is shown.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PAGES = ("tutorial.md",)
BLOCK = re.compile(r"(?<=```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ .*\n(?:^> .*\n)*", re.MULTILINE)
STYLES = re.compile(r"\x1b\[[\d;]*m")
CUT = "...\n"


def rerun(text: str) -> str:
    """A page with the output that its commands have now.

    Args:
        text: the page.
    """
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder, ".programs")
        programs.mkdir()
        for name, words in (("python", ""), ("stillhunt", " -m stillhunt")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        Path(folder, "docs").symlink_to(FOLDER)
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "TERM": "dumb",
            "COLUMNS": "100",
            "LINES": "50",
        }
        return BLOCK.sub(lambda block: _rerun_block(block[0], folder, environment), text)


def _rerun_block(block: str, folder: str, environment: dict[str, str]) -> str:
    commands, outputs = COMMAND.findall(block), COMMAND.split(block)[1:]
    told = [_run(command, folder, environment) for command in commands]
    return "".join(command + _cut_like(new, old) for command, new, old in zip(commands, told, outputs, strict=True))


def _run(command: str, folder: str, environment: dict[str, str]) -> str:
    script = "\n".join(line[2:] for line in command.splitlines())
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        script, shell=True, cwd=folder, env=environment, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        shown = _read_all(ours)
        trouble = process.communicate()[1].decode(errors="replace")
    if process.returncode not in (0, 3):
        raise RuntimeError(f"{command}ended with {process.returncode}: {trouble}")
    plain = STYLES.sub("", shown.decode("utf-8").replace("\r\n", "\n"))
    told = re.sub(r" +$", "", plain.expandtabs(), flags=re.MULTILINE).rstrip("\n")
    return told + "\n" if told else ""


def _read_all(terminal: int) -> bytes:
    parts = []
    with os.fdopen(terminal, "rb", buffering=0) as stream:
        try:
            while part := stream.read(65_536):
                parts.append(part)
        except OSError:  # Linux says so when the last program has closed the terminal
            pass
    return b"".join(parts)


def _cut_like(new: str, old: str) -> str:
    """New output with as many lines as the old, where that was cut; with an empty line after it where that had one."""
    end = "\n" if old.endswith("\n\n") or old == "\n" else ""
    shown = old.removesuffix(end) if end else old
    if not shown.endswith(CUT):
        return new + end
    return "".join(new.splitlines(keepends=True)[: shown.count("\n") - 1]) + CUT + end


if __name__ == "__main__":
    for name in PAGES:
        page = FOLDER / name
        page.write_text(rerun(page.read_text(encoding="utf-8")), encoding="utf-8")
