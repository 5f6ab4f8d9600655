"""The version of mmwsss, read by setup.py too."""

__version__ = '0.1.0'
