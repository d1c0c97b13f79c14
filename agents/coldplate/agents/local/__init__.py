"""What the agent tells its own machine: metrics and health over HTTP, and its state to systemd."""
