"""What an archive needs over the years: the clean-up of what nothing names, and the proof that something is gone."""
