"""A judge's verdicts beside those of people: what remains of a number once the judge's errors are counted."""
