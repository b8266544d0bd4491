"""Work on campaigns: who works on one, what was said about it, and how each change is made, checked and undone."""
