"""People judge answers: who is asked about what and with which chance, at what desk, and what follows from it."""
