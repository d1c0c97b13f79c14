"""General streaming methods: pure, vectorised over devices and series, without labels and without a clock.

A detector runs them in the worker, and `coldplate evaluate skab|nab|hydraulic` tries the same classes on public sets.
"""
