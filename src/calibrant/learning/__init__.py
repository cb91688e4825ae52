"""What verdicts teach: maps fitted anew, held against those in force, put in their place, and taken back."""
