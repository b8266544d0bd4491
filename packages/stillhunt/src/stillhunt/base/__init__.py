"""The foundation: tables, settings, errors, engines. Imports no room."""
