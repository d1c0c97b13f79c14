"""Public labelled sets: how each is read, run through a detector of ours, and scored by its own protocol."""
