"""Jobs on the command line: submit, watch, fetch, cancel, try again."""
