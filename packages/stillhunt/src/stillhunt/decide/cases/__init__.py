"""What analysts do with campaigns: case work, its history, and what it does to decisions and rules."""
