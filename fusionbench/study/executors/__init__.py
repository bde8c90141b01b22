"""Who carries out the jobs of a plan: this process, or several."""
