"""Public data sets and generated scenes as image folders with label files."""
