"""What the kernel tells of a machine by files: /proc, hwmon, RAPL."""
