"""Pages of the hub that belong to no capability: health, errors, language, and what every template is given."""
