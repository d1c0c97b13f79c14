"""`coldplate web`: where the live hall's pictures and answers come from, the history alone."""
