"""The steps of an acceptance, one a file; `order.py` says in which order they come."""
