"""`python -m stillhunt.extract`: compile the kernels once, so that later starts are quick."""

from stillhunt.extract.sketches import warm_up

warm_up()
