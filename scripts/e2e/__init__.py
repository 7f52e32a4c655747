"""Tests with nodes. A module is run in a process of its own by `suite.end_to_end`; test names carry the
rows of the requirements that they prove (`l_36` is row L-36, `ls_1` is LS-1, `hl_31` is HL-31)."""
