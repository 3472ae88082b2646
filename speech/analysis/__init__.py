"""What can be measured of recordings: speech and pauses, words, bandwidth, quality, who speaks. No training."""
