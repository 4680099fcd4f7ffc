"""Tests in a real browser; a package, so that what is made once for the folder ends with it."""
