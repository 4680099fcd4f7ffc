"""Reading and writing rows: threads and transactions, order of locks, an absent database, pages of rows."""
