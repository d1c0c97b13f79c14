"""How a part of the pipeline tells how it is: `/healthz`, `/readyz`, `/metrics` of worker, sink and alerter."""
