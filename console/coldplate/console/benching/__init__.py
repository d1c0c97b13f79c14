"""What `coldplate bench` measures."""
