"""Work on campaigns: who has one, what was said of it, and how each change is made, checked and undone."""
