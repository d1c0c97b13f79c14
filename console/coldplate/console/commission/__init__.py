"""Acceptance of a rack: a procedure of steps over what its sensors say, a verdict, and a signed certificate."""
