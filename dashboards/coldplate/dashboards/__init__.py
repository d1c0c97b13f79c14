"""coldplate.dashboards."""
