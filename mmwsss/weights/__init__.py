"""The one door for weights: every checkpoint is found, checked and read here."""
