"""Transports: how calls are made, by HTTP, by mail, and by running a command."""
