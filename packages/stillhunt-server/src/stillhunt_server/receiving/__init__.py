"""Records that arrive: read, checked, counted, and handed to the spool before they are acknowledged."""
