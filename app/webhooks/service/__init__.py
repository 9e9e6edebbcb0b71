"""What can be done with webhooks: endpoints, messages, and the sending of them."""
