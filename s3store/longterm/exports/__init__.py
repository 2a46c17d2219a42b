"""Exports of many sessions into a folder of few files, in forms that other tools read, with proof that all is there."""
