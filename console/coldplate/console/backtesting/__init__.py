"""Runs stored history through detection again: what other parameters would have paged, and what they would have missed."""
