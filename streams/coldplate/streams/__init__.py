"""coldplate.streams."""
