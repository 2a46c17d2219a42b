"""Tests of the integrations: a folder for each framework, run in the environment that has it."""
