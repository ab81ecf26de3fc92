"""The languages of the texts for people: English, which stands in the code, and Korean tables."""
