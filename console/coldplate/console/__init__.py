"""The `coldplate` command: the parts as commands, the local stack, the demo, the benchmarks.

The only package that imports all others; it builds each part's settings and hands them in. Heavy imports
stand inside the commands, so that `coldplate --help` answers at once.
"""
