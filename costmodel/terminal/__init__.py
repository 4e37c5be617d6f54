"""The command line: options, one file a command, tables for people."""
