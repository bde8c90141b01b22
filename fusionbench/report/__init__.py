"""Floor 7: tables, figures, and the published numbers to set beside ours."""
