"""Programs that others would use for a stage of the pipeline, measured with the same data in the same run."""
