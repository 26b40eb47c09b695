"""Families of tasks: each sampler takes a random generator and returns tasks with a support and a query set."""
