"""The kinds of evidence, one module each; a module that declares `KIND` or `KINDS` here is in the catalogue."""
