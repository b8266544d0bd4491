"""The command line: reads arguments, calls the public door, shows what came back."""

from stillhunt.cli.app import app, main

__all__ = ["app", "main"]
