"""Weights: every checkpoint is found, checked and read in this package, and nowhere else."""
