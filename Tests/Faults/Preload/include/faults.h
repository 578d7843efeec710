// Preloaded, never called by name.
