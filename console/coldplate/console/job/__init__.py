"""What a job did with its GPUs: the report for the person who ran it."""
