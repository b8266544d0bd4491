"""People of the console: who they are, how they sign in, what they may do, and the record of what they looked at."""
