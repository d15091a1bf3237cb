# One text file as one C string literal, line by line.
s/["\\]/\\&/g
s/^/"/
s/$/\\n"/
