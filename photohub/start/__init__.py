"""What happens before the hub serves: its Python environment, migrations and files, the servers, the banner."""
