"""What a trained run, or a network that needs no training, says of a user's own clips over time."""
