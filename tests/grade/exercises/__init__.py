"""One file for each exercise: independent oracles for its references, and mutants of its solution."""
