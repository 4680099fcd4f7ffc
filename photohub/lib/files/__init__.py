"""Files and folders: kept under their hash, moved durably, closed to others, locked by one process; settings of buckets."""
