"""Live updates: a word that something changed, said through Redis. Never the thing itself."""
