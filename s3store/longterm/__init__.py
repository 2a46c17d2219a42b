"""What an archive needs over the years: clean-up, rules of retention, maintenance, erasure and its proof."""
