"""Builders of logs that the tests of this folder and of its sub-folders share stand beside this file."""
