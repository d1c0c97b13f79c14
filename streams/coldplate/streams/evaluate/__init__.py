"""How well faults are found: incidents held against labels, as operators feel it."""
