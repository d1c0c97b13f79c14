"""`coldplate demo`: the whole chain on one machine, watched live, and judged at the end by what it stored."""
