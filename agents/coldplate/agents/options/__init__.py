"""What can be configured, one section a file; imports msgspec alone, so that every command may read it."""
