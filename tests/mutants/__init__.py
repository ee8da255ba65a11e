"""How good is the net? Random single-point faults in the formulas, and what catches each: ``make mutants``."""
