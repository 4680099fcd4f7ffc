"""What pages and the API share: pages of rows, sizes and times in words, translations, scripts of others, sessions."""
