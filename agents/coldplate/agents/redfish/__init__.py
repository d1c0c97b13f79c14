"""Redfish: a small client that never waits longer than it is given, and what its resources mean."""
