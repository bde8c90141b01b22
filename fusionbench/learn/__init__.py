"""Floor 3: extraction, losses, metrics, fit and evaluate, checkpoints."""
