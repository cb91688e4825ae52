"""The prompt whose confidence predicts best, confirmed on questions that chose nothing."""
