"""Modbus TCP: map files that say what the registers of a device mean, and the asking for them."""
