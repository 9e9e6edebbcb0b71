"""ByteShop: a self-hosted marketplace of digital goods. Its factory is in `app.factory`."""
