"""The contract between the parts: metric catalogue, inventory, frame, event, incident, topics, codec.

Everything that crosses from one part of coldplate to another is defined here and nowhere else. The
package imports msgspec and numpy only, and none of the other parts.
"""
