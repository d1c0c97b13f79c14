"""The bring-up of a hall: its plan, where each rack stands, when it will be done, and the first training phase."""
