"""ByteShop: a self-hosted marketplace of digital goods. The application factory is in `app.factory`."""
