"""The archive behind the session interfaces of agent frameworks: one module each, importable where its framework is."""
