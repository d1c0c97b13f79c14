"""What a message looks like to a kind of receiver, one file each."""
