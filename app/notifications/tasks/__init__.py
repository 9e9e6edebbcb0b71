"""What is done when something was announced: mails, and the stream that people read."""
