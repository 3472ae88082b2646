#!/bin/sh
# Run by the image's entry point before nginx: a renewed certificate is read within six hours.
(while sleep 6h; do nginx -s reload; done) &
