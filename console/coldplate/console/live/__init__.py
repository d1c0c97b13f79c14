"""`coldplate live`: the hall in a terminal, from the history alone."""
