"""coldplate.console."""
