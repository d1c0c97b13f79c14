"""Alerts: from incidents to the right person, once, whatever fails."""
