"""Speed and memory beside a peer, measured in turns in one process: only ratios mean anything."""
