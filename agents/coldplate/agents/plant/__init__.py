"""One agent for the coolant units and plant points of a row or hall, and another that stands by."""
