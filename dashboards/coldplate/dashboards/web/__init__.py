"""The live hall: one page that shows every GPU of a cluster and its water, now or at any past hour."""
