"""One file a kind of source: each is a `coldplate.agents.collector.Collector`."""
