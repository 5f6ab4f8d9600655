"""Helpers that know nothing of the task: dependencies, files, configs."""
