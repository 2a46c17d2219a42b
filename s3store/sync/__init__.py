"""Keeps the sessions of coding agents that run on this machine: brings in what is new of their files, and puts back."""
