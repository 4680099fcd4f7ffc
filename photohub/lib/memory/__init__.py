"""Memory for heavy work: how much decoding takes, waiting until there is so much, and scaling without a second copy; and how a
picture is turned upright. And libraries that are loaded only when they are needed, what the C library keeps, and answers of the
database that are kept while one page is made."""
