"""The face for other programs and for people in a browser. Shows and takes in; decides nothing."""
