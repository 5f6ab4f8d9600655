"""Helpers that know nothing of the task: dependencies, errors, files, imports, progress."""
