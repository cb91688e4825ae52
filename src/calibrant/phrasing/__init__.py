"""How a confidence is said to people: words, a rounded number, a frequency, a track record. Pure text."""
