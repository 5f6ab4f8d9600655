"""Configs: variables, options, scales and descriptions of data."""
