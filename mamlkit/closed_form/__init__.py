"""Exact formulas of MAML on problems simple enough to solve; NumPy only."""
