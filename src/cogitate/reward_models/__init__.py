"""Models that give rewards: a scalar head on any supported model, trained on preferences."""
