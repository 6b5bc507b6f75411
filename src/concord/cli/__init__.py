"""The command line: one face over the calls that the web console uses too. Decides nothing by itself."""
