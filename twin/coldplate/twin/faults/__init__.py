"""The fault library: what can befall a hall, one file a family; names are those of labels and incidents.

A fault acts on `Effects`, the few inputs of the physics that a fault can reach; everything else follows from the
physics. kind (what a kind is), a file a family, library (all of them), timeline (the faults of a run as time goes on).
"""
