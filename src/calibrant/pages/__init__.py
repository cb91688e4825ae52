"""What people see in a browser while the gateway serves: review, monitoring, records and releases."""
