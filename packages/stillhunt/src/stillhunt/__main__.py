"""`python -m stillhunt` is `stillhunt`."""

from stillhunt.cli import main

main()
