"""coldplate.sinks."""
