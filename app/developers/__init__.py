"""What programmers need: keys, examples, and the document of the JSON API."""
