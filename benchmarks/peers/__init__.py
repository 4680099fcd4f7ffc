"""What PhotoHub is measured against: small programs that do one part of its work in the usual way."""
