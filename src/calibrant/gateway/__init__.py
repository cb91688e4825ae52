"""An OpenAI-compatible gateway that attaches a confidence to every answer."""
