"""coldplate.twin."""
