"""Copies sessions from one archive to another: `SessionStore.copy_to`."""
