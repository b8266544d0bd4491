"""The ground: tables, settings, errors, engines. Imports no room."""
