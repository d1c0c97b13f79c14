"""coldplate.agents."""
