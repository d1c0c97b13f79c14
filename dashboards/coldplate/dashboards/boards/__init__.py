"""The dashboards, one file a topic; `coldplate.dashboards.all_boards` lists them."""
