"""Floor 2: stores, sampling, folds, loaders, face preparation."""
