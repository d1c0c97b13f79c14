"""What an incident is in words: causes, evidence, times, who is affected, how sure."""
